import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Extent } from '../../lib/core/domain/extent'
import { allocateZeroes } from '../../lib/dom0/block/block-file-space'
import { FileExtents } from '../../lib/dom0/replica/file-extents'
import { loadNativeExtents } from '../../lib/dom0/replica/native-extents'
import { OpenFile } from '../../lib/dom0/block/open-file'
import { SEED } from '../wire/seeded'
import { Dice } from '../world/prng'
import { ADDONS, NO_NATIVE } from './native-addon'

const PIECE = 64 * 1024
const PIECES = 64
const SIZE = PIECE * PIECES
const withAddon = NO_NATIVE === '' ? describe : describe.skip

withAddon.each([tmpdir(), '/dev/shm'])(`where a file in %s holds data ${NO_NATIVE} (HOLDFAST_TEST_SEED=${SEED})`, (place) => {
  let folder = ''
  let path = ''
  let fd = -1
  let found: FileExtents
  let close: () => Promise<void>
  beforeEach(async () => {
    folder = mkdtempSync(join(place, 'holdfast-extents-'))
    path = join(folder, 'disk')
    fd = openSync(path, 'w+')
    ftruncateSync(fd, SIZE)
    const file = new OpenFile(await open(path, 'r+'))
    close = () => file.quiet().then(() => file.close())
    found = new FileExtents(file, loadNativeExtents(ADDONS))
  })
  afterEach(async () => {
    await close()
    closeSync(fd)
    rmSync(folder, { recursive: true })
  })

  const letters = (extents: readonly Extent[]): string =>
    extents.map(({ lengthBytes, hole }) => (hole ? '.' : 'd').repeat(lengthBytes / PIECE)).join('')

  test('nothing, all of it, and whatever was written and punched', async () => {
    expect(await found.between(0, SIZE, false)).toEqual([{ lengthBytes: SIZE, hole: true, zero: true }])
    const model = Array<string>(PIECES).fill('.')
    const dice = new Dice(SEED)
    for (let step = 0; step < 40; step++) {
      const first = dice.below(PIECES)
      const past = first + 1 + dice.below(Math.min(8, PIECES - first))
      if (dice.chance(0.6)) {
        writeSync(fd, Buffer.alloc((past - first) * PIECE, 1), 0, (past - first) * PIECE, first * PIECE)
        model.fill('d', first, past)
      } else {
        expect(await allocateZeroes(fd, first * PIECE, (past - first) * PIECE, true)).toBe(true)
        model.fill('.', first, past)
      }
      const [from, to] = [dice.below(PIECES), PIECES].sort((one, other) => one - other) as [number, number]
      expect(letters(await found.between(from * PIECE, to * PIECE, false))).toBe(model.slice(from, to).join(''))
    }
  })

  test('the first alone, and never more than a bounded number', async () => {
    writeSync(fd, Buffer.alloc(PIECE, 1), 0, PIECE, 2 * PIECE)
    expect(letters(await found.between(0, SIZE, true))).toBe('..d')
    expect(letters(await found.between(2 * PIECE, SIZE, true))).toBe('d')
    expect(letters(await found.between(3 * PIECE, SIZE, true))).toBe('.'.repeat(PIECES - 3))
    const step = 2 * PIECE
    ftruncateSync(fd, 3000 * step)
    for (let at = 0; at < 3000; at++) writeSync(fd, Buffer.from('x'), 0, 1, at * step)
    const many = await found.between(0, 3000 * step, false)
    expect(many.length).toBe(2 * 1024 - 1)
    // The rest is not said to be a hole.
    const told = many.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)
    const last = await found.between(told, 3000 * step, true)
    expect(told).toBeLessThan(3000 * step)
    expect(last.map(({ hole }) => hole)).toEqual([true, false])
  })

  test('what was cut off under it is no hole', async () => {
    ftruncateSync(fd, SIZE - 1)
    expect(await found.between(SIZE - PIECE, SIZE, false)).toEqual([])
    expect(await found.between(0, SIZE - PIECE, false)).toEqual([{ lengthBytes: SIZE - PIECE, hole: true, zero: true }])
  })

  test('many at once, of which each is right', async () => {
    writeSync(fd, Buffer.alloc(PIECE, 1), 0, PIECE, 5 * PIECE)
    const looks = Array.from({ length: 50 }, (_, at) => found.between((at % 8) * PIECE, 8 * PIECE, false))
    const expected = Array.from({ length: 50 }, (_, at) => '.....d..'.slice(at % 8))
    expect((await Promise.all(looks)).map(letters)).toEqual(expected)
  })

  test('without the addon, or of another kind of file system, nothing is known', async () => {
    const file = new OpenFile(await open(path, 'r+'))
    expect(await new FileExtents(file, null).between(0, SIZE, false)).toEqual([])
    await file.close()
    const proc = new OpenFile(await open('/proc/self/status', 'r'))
    expect(await new FileExtents(proc, loadNativeExtents(ADDONS)).between(0, SIZE, false)).toEqual([])
    await proc.close()
  })
})

withAddon('the addon is called as it is to be', () => {
  const nothing = (): void => undefined
  test.each([
    ['too few', [1, 0, 1, new Float64Array(2)]],
    ['no file', ['1', 0, 1, new Float64Array(2), nothing]],
    ['other numbers', [1, 0, 1, new Float32Array(2), nothing]],
    ['no function', [1, 0, 1, new Float64Array(2), null]],
  ])('%s is refused', (_what, given) => {
    const native = loadNativeExtents(ADDONS) as unknown as { dataRuns: (...given: unknown[]) => void }
    expect(() => native.dataRuns(...given)).toThrow('dataRuns(fd, offset, end, into, done)')
  })

  test('what is no file says so', async () => {
    const native = loadNativeExtents(ADDONS)
    const said = await new Promise((resolve) =>
      native?.dataRuns(-1, 0, 10, new Float64Array(2), (errno, count) => resolve([errno, count])),
    )
    expect(said).toEqual([5, 0])
  })
})

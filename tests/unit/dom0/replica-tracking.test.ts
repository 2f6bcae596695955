import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemFiles } from '../../../lib/dom0/replica/replica-files'
import { makeTracking, openTracking, type FoundTracking, type TrackingStore } from '../../../lib/dom0/replica/replica-tracking'
import type { Tracking } from '../../../lib/ports/replica-store'
import { Dice } from '../../world/prng'
import { CrashingFiles, NOTHING } from './crashing-files'

jest.setTimeout(60_000)

const GIB = 2 ** 30
const PAGE_BYTES = 4096
const page = (...bytes: number[]): Buffer => Buffer.concat([Buffer.from(bytes), Buffer.alloc(PAGE_BYTES - bytes.length)])

describe('activity log and dirty bitmap in files', () => {
  let folder = ''
  let of = { files: systemFiles, base: '', replica: 'the-replica' }
  let open: TrackingStore | null = null
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-tracking-'))
    of = { ...of, base: join(folder, 'disk.raw') }
  })
  afterEach(async () => {
    await open?.close()
    open = null
    rmSync(folder, { recursive: true })
  })
  const shut = async (): Promise<void> => {
    await open?.close()
    open = null
  }
  const keep = ({ found, store }: FoundTracking): Tracking | 'lost' => {
    open = store
    return found
  }
  const reopen = async (knownBytes: number, sizeBytes = knownBytes): Promise<Tracking | 'lost'> => {
    await shut()
    return keep(await openTracking(of, knownBytes, sizeBytes))
  }
  const make = async (sizeBytes: number): Promise<TrackingStore> => {
    await shut()
    return (open = await makeTracking(of, sizeBytes, 'clean'))
  }
  const both = (suffix: '.hot' | '.map'): string[] => [`${of.base}${suffix}`, `${of.base}${suffix}.2`]

  test('nothing, then what was saved last, for a disk of 2 TiB too', async () => {
    const size = 2048 * GIB
    await make(size)
    expect(await reopen(size)).toEqual({ hot: [], pages: new Map() })
    const hot = Array.from({ length: 1000 }, (_, place) => 524287 - 7 * place)
    await Promise.all([open?.saveHot([0]), open?.saveHot(hot)])
    await open?.savePages(new Map([...Array(1024).keys()].map((number) => [number, page(number & 255, 1)])))
    await open?.savePages(new Map([[3, page()]]))
    const found = await reopen(size)
    expect(found).toMatchObject({ hot })
    const pages = found === 'lost' ? new Map<number, Buffer>() : found.pages
    expect(pages.size).toBe(1023)
    expect(pages.has(3)).toBe(false)
    for (const [number, bytes] of pages) expect(bytes.equals(page(number & 255, 1))).toBe(true)
  })

  test('a save takes no further space', async () => {
    await make(8 * GIB)
    await shut()
    const blocks = (): number[] => [...both('.hot'), ...both('.map')].map((path) => statSync(path).blocks)
    const before = blocks()
    await reopen(8 * GIB)
    for (const times of [1, 2, 3]) {
      await open?.saveHot([times])
      await open?.savePages(new Map([0, 1, 2, 3].map((number) => [number, page(times)])))
    }
    await reopen(8 * GIB)
    expect(blocks()).toEqual(before)
  })

  test('the bytes are those of the manual', async () => {
    await make(5 * GIB)
    await open?.saveHot([1, 1279])
    await open?.savePages(new Map([[2, page(0x80)]]))
    await shut()
    const record = (kind: number, seq: number, number: number, payload: Buffer): Buffer => {
      const head = Buffer.alloc(32)
      head.write('HFm1', 0, 'latin1')
      head.set([kind], 7)
      head.set([seq], 15)
      head.set([number], 19)
      head.writeUInt32BE(payload.length, 20)
      const sum = createHash('sha256').update('the-replica').update(head).update(payload).digest()
      return Buffer.concat([head, sum, payload])
    }
    for (const path of both('.hot')) {
      const wanted = record(1, 2, 0, Buffer.from([0, 0, 0, 1, 0, 0, 4, 255]))
      for (const slot of [0, 4096]) expect(readFileSync(path).subarray(slot, slot + wanted.length)).toEqual(wanted)
      expect(statSync(path).size).toBe(2 * 4096)
    }
    for (const path of both('.map')) {
      const wanted = Buffer.concat([record(2, 2, 2, page(0x80)), Buffer.alloc(4032)])
      expect(readFileSync(path).subarray(4 * 8192)).toEqual(Buffer.concat([wanted, wanted]))
      const first = record(2, 1, 1, page())
      expect(readFileSync(path).subarray(2 * 8192, 2 * 8192 + first.length)).toEqual(first)
    }
  })

  test('at rest, one slot of the four is enough', async () => {
    await make(GIB)
    for (const times of [1, 2, 3]) {
      await open?.saveHot([times])
      await open?.savePages(new Map([[0, page(times)]]))
    }
    await shut()
    for (const spared of [0, 1, 2, 3]) {
      for (const [place, path] of [...both('.hot'), ...both('.map')].entries()) {
        const harmed = readFileSync(path)
        const half = harmed.length / 2
        if (spared >> 1 !== place % 2 || spared % 2 === 0) harmed.fill(0xa5, half)
        if (spared >> 1 !== place % 2 || spared % 2 === 1) harmed.fill(0xa5, 0, half)
        writeFileSync(path, harmed)
      }
      // Mended too: the next one spared is another.
      expect(await reopen(GIB)).toEqual({ hot: [3], pages: new Map([[0, page(3)]]) })
      await shut()
    }
  })

  test.each<[string, (path: string) => void]>([
    ['gone', (path) => unlinkSync(path)],
    ['empty', (path) => writeFileSync(path, '')],
    ['of zeroes', (path) => writeFileSync(path, Buffer.alloc(statSync(path).size))],
    [
      'turned',
      (path) =>
        writeFileSync(
          path,
          readFileSync(path).map((byte) => byte ^ 1),
        ),
    ],
  ])('both copies %s is told, and everything counts as dirty from then on', async (_, harm) => {
    for (const suffix of ['.hot', '.map'] as const) {
      await make(3 * GIB)
      await open?.saveHot([3])
      await open?.savePages(new Map([[1, page(9)]]))
      await shut()
      for (const path of both(suffix)) harm(path)
      expect(await reopen(3 * GIB)).toBe('lost')
      const all = new Map([
        [0, Buffer.alloc(PAGE_BYTES, 0xff)],
        [1, Buffer.concat([Buffer.alloc(PAGE_BYTES / 2, 0xff), Buffer.alloc(PAGE_BYTES / 2)])],
      ])
      expect(await reopen(3 * GIB)).toEqual({ hot: [], pages: all })
    }
  })

  test("another replica's, or a larger disk's, are nobody's", async () => {
    await make(GIB)
    await open?.saveHot([255])
    of = { ...of, replica: 'another' }
    expect(await reopen(GIB)).toBe('lost')
    of = { ...of, replica: 'the-replica' }
    await make(GIB)
    await open?.saveHot([255])
    await open?.savePages(new Map([[0, Buffer.concat([Buffer.alloc(2047), Buffer.from([1]), Buffer.alloc(2048)])]]))
    expect(await reopen(GIB)).toMatchObject({ hot: [255] })
    expect(await reopen(GIB / 2)).toBe('lost')
  })

  test('what was counted together is kept apart: the buffer of a page may be used again', async () => {
    await make(GIB)
    const mine = page(5)
    const saved = open?.savePages(new Map([[0, mine]]))
    mine.fill(0)
    await saved
    expect(await reopen(GIB)).toMatchObject({ pages: new Map([[0, page(5)]]) })
  })

  test('what is not of the disk is a bug', async () => {
    const store = await make(GIB)
    expect(() => store.saveHot([256])).toThrow('lies on the disk')
    expect(() => store.saveHot([1.5])).toThrow('lies on the disk')
    expect(() => store.saveHot(Array<number>(1001).fill(1))).toThrow('overfull')
    expect(() => store.savePages(new Map([[0, Buffer.alloc(PAGE_BYTES, 1)]]))).toThrow('blocks of the disk')
    expect(() => store.savePages(new Map([[1, page()]]))).toThrow('blocks of the disk')
    expect(() => store.savePages(new Map([[0, Buffer.alloc(4095)]]))).toThrow('blocks of the disk')
    await store.savePages(new Map())
  })

  test('a disk whose last page is not a whole number of bytes', async () => {
    const dice = new Dice(11)
    for (let times = 0; times < 20; times++) {
      const blocks = 1 + dice.below(70)
      const size = blocks * 65536 - dice.below(65536)
      await shut()
      await (await makeTracking(of, size, 'dirty')).close()
      const found = await reopen(size)
      const bits = [...Array(PAGE_BYTES * 8).keys()].map((bit) =>
        found === 'lost' ? 0 : ((found.pages.get(0)?.[bit >> 3] ?? 0) >> (bit & 7)) & 1,
      )
      expect([blocks, bits.lastIndexOf(1), bits.indexOf(0)]).toEqual([blocks, blocks - 1, blocks])
      rmSync(`${of.base}.hot`)
    }
    expect(existsSync(`${of.base}.map`)).toBe(true)
  })
})

describe('a save that fails', () => {
  const of = { files: new CrashingFiles(), base: '/srv/disk.raw', replica: 'the-replica' }
  const calls = ['write', 'write through', 'sync']

  test.each(calls)('in %s is told, as is each one after it, and harms nothing that was saved', async (failing) => {
    for (const copy of ['', '.2']) {
      const files = new CrashingFiles()
      const store = await makeTracking({ ...of, files }, 5 * GIB, 'clean')
      const save = failing === 'write through' ? (times: number) => store.saveHot([times]) : savingPages(store)
      for (const times of [1, 2, 3, 4]) await save(times)
      let failures = 1
      files.isFaulty = (call, path) =>
        call === failing && path.endsWith(failing === 'write through' ? `.hot${copy}` : `.map${copy}`) && failures-- > 0
      await expect(save(5)).rejects.toMatchObject({ code: 'EIO' })
      for (const times of [6, 7]) await expect(save(times)).rejects.toMatchObject({ code: 'EIO' })
      await store.close()
      await new Promise((resolve) => setImmediate(resolve))
      files.restart(NOTHING)
      const { found } = await openTracking({ ...of, files }, 5 * GIB, 5 * GIB)
      const last = found === 'lost' ? found : failing === 'write through' ? found.hot[0] : found.pages.get(2)?.[0]
      // What failed may be in the other copy.
      expect([4, 5]).toContain(last)
    }
  })

  test.each(calls)('in %s for both copies: whoever opens them next may rely on what is found', async (failing) => {
    const files = new CrashingFiles()
    const store = await makeTracking({ ...of, files }, 5 * GIB, 'clean')
    const save = failing === 'write through' ? (times: number) => store.saveHot([times]) : savingPages(store)
    for (const times of [1, 2, 3, 4]) await save(times)
    files.isFaulty = (call) => call === failing
    await expect(save(5)).rejects.toMatchObject({ code: 'EIO' })
    files.isFaulty = () => false
    await store.close()
    const found = keepIn(await openTracking({ ...of, files }, 5 * GIB, 5 * GIB))
    files.restart(NOTHING)
    expect(keepIn(await openTracking({ ...of, files }, 5 * GIB, 5 * GIB))).toEqual(found)
  })

  test('a copy that cannot be read is a damaged one', async () => {
    const files = new CrashingFiles()
    const store = await makeTracking({ ...of, files }, GIB, 'clean')
    await store.saveHot([7])
    await store.close()
    for (const copy of ['', '.2']) {
      files.isFaulty = (call, path) => call === 'read' && (path.endsWith(`.hot${copy}`) || path.endsWith(`.map${copy}`))
      expect((await openTracking({ ...of, files }, GIB, GIB)).found).toMatchObject({ hot: [7] })
    }
  })

  test('saves that wait for one are made together', async () => {
    const files = new CrashingFiles()
    const store = await makeTracking({ ...of, files }, GIB, 'clean')
    let writes = 0
    files.onStep = (step) => (writes += step.startsWith('write through') ? 1 : 0)
    await Promise.all(Array.from({ length: 50 }, (_, extent) => store.saveHot([extent])))
    // Two copies, the first save and those that came meanwhile.
    expect(writes).toBeLessThanOrEqual(4)
    expect((await openTracking({ ...of, files }, GIB, GIB)).found).toMatchObject({ hot: [49] })
  })
})

const keepIn = ({ found }: FoundTracking): Tracking | 'lost' => found

function savingPages(store: TrackingStore): (times: number) => Promise<void> {
  return (times) =>
    store.savePages(
      new Map([
        [0, page(times)],
        [2, page(times)],
      ]),
    )
}

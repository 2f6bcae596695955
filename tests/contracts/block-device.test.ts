import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBlockFile } from '../../lib/dom0/block/block-file'
import type { BlockDevice } from '../../lib/ports/block-device'
import { SEED } from '../wire/seeded'
import { Dice } from '../world/prng'
import { KEEPERS, type Kept } from './block-keepers'

jest.setTimeout(60_000)

const MIB = 1024 * 1024
const SIZE = 16 * MIB

describe.each(KEEPERS)(`the contract of a block device, kept by $name (HOLDFAST_TEST_SEED=${SEED})`, ({ keep }) => {
  let folder = ''
  let device: BlockDevice
  let stop: Kept['stop'] = () => undefined
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-block-'))
    const kept = await keep(folder, SIZE)
    device = kept.device
    stop = kept.stop
  })
  afterEach(async () => {
    await device.close()
    await stop()
    rmSync(folder, { recursive: true })
  })
  const read = async (offset: number, length: number): Promise<Buffer> => {
    const into = Buffer.alloc(length, 0xee)
    await device.read(offset, into)
    return into
  }

  test('begins as zeroes, all of it', async () => {
    expect(device.sizeBytes).toBe(SIZE)
    expect((await read(SIZE - 4096, 4096)).equals(Buffer.alloc(4096))).toBe(true)
  })

  test('what is written is read, at any offset and length', async () => {
    const data = Buffer.from('no block is too small')
    await device.write(4093, data)
    expect((await read(4093, data.length)).equals(data)).toBe(true)
    expect((await read(4092, 1)).equals(Buffer.alloc(1))).toBe(true)
    await device.write(SIZE - 1, Buffer.from([7]))
    expect((await read(SIZE - 1, 1)).equals(Buffer.from([7]))).toBe(true)
  })

  test('writes side by side do not disturb each other', async () => {
    await Promise.all(Array.from({ length: 64 }, (_, index) => device.write(index * 512, Buffer.alloc(512, index + 1))))
    const all = await read(0, 64 * 512)
    for (let index = 0; index < 64; index++) expect(all.readUInt8(index * 512 + 511)).toBe(index + 1)
  })

  test.each([
    [false, 4096],
    [true, 4096],
    [false, 9 * MIB + 11],
    [true, 9 * MIB + 11],
  ])('zero with punch %s over %i bytes reads as zeroes, and nothing around it changes', async (punch, length) => {
    await device.write(0, Buffer.alloc(SIZE, 0x77))
    await device.zero(1000, length, punch)
    await device.flush()
    expect((await read(1000, length)).equals(Buffer.alloc(length))).toBe(true)
    expect((await read(0, 1000)).equals(Buffer.alloc(1000, 0x77))).toBe(true)
    expect((await read(1000 + length, 5000)).equals(Buffer.alloc(5000, 0x77))).toBe(true)
  })

  test('changes side by side, at any offset and length, leave what each of them wrote', async () => {
    const dice = new Dice(SEED)
    const model = Buffer.alloc(SIZE)
    for (let round = 0; round < 12; round++) {
      const changes: Promise<void>[] = []
      // Neighbours touch, so that they share blocks of any size, but do not overlap.
      for (let at = dice.below(3000); at < SIZE / 8;) {
        const length = 1 + dice.below(dice.chance(0.1) ? 300_000 : 3000)
        const [from, to] = dice.chance(0.3) ? [at - (at % 4096) + 4096, at - (at % 4096) + 8192] : [at, at + length]
        const fill = dice.chance(0.3) ? 0 : 1 + dice.below(255)
        model.fill(fill, from, to)
        changes.push(
          fill === 0 ? device.zero(from, to - from, dice.chance(0.5)) : device.write(from, Buffer.alloc(to - from, fill)),
        )
        at = to + (dice.chance(0.5) ? 0 : dice.below(2000))
      }
      await Promise.all(changes)
    }
    const found = await read(0, SIZE)
    expect(found.equals(model)).toBe(true)
    for (let round = 0; round < 50; round++) {
      const [at, length] = [dice.below(SIZE / 8), 1 + dice.below(10_000)]
      expect((await read(at, length)).equals(model.subarray(at, at + length))).toBe(true)
    }
  })

  test('nothing at all may be asked for', async () => {
    await device.write(5, Buffer.alloc(0))
    await device.read(SIZE, Buffer.alloc(0))
    await device.zero(7, 0, true)
    await device.flush()
  })

  test('a closed one answers nothing, and may be closed again', async () => {
    await device.close()
    await expect(device.read(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'EBADF' })
    await expect(device.write(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'EBADF' })
    await expect(device.flush()).rejects.toMatchObject({ code: 'EBADF' })
    await device.close()
  })

  test('nothing outside is touched', async () => {
    await expect(device.write(SIZE - 1, Buffer.alloc(2))).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(device.read(SIZE, Buffer.alloc(1))).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(device.zero(-1, 1, false)).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(device.read(0.5, Buffer.alloc(1))).rejects.toMatchObject({ code: 'EINVAL' })
  })
})

describe('a replica in a file', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-block-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const path = (): string => join(folder, 'disk')

  test('takes no space until it is written, and gives it back when punched', async () => {
    const device = await openBlockFile({ path: path(), sizeBytes: SIZE, create: true })
    expect(statSync(path())).toMatchObject({ size: SIZE, blocks: 0, mode: 0o100600 })
    await device.write(0, Buffer.alloc(8 * MIB, 1))
    await device.flush()
    expect(statSync(path()).blocks * 512).toBeGreaterThanOrEqual(8 * MIB)
    await device.zero(0, 8 * MIB, true)
    expect(statSync(path()).blocks * 512).toBeLessThan(MIB)
    await device.close()
  })

  test('a missing one is made only when asked', async () => {
    await expect(openBlockFile({ path: path(), sizeBytes: SIZE, create: false })).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a shorter one is lengthened only when asked, a longer one never shortened', async () => {
    closeSync(openSync(path(), 'w'))
    truncateSync(path(), SIZE / 2)
    await expect(openBlockFile({ path: path(), sizeBytes: SIZE, create: false })).rejects.toMatchObject({ code: 'ESIZE' })
    await (await openBlockFile({ path: path(), sizeBytes: SIZE, create: true })).close()
    expect(statSync(path()).size).toBe(SIZE)
    await expect(openBlockFile({ path: path(), sizeBytes: MIB, create: true })).rejects.toMatchObject({ code: 'ESIZE' })
    expect(statSync(path()).size).toBe(SIZE)
  })

  test('keeps what is there', async () => {
    writeFileSync(path(), Buffer.alloc(SIZE, 3))
    const device = await openBlockFile({ path: path(), sizeBytes: SIZE, create: true })
    await device.write(0, Buffer.alloc(512, 4))
    await device.close()
    expect(readFileSync(path()).equals(Buffer.concat([Buffer.alloc(512, 4), Buffer.alloc(SIZE - 512, 3)]))).toBe(true)
  })

  test('an image that was cut short under us is an input/output error, not zeroes', async () => {
    const device = await openBlockFile({ path: path(), sizeBytes: SIZE, create: true })
    truncateSync(path(), MIB)
    await expect(device.read(MIB - 512, Buffer.alloc(1024))).rejects.toMatchObject({ code: 'EIO' })
    await device.close()
  })

  test("the system's error keeps its code", async () => {
    const device = await openBlockFile({ path: path(), sizeBytes: SIZE, create: true })
    await device.close()
    await expect(device.flush()).rejects.toMatchObject({ code: 'EBADF' })
    await expect(device.flush()).rejects.toMatchObject({ code: 'EIO' })
  })
})

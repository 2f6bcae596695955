import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBlockFile } from '../../lib/dom0/block/block-file'
import { loadNativeIo } from '../../lib/dom0/block/native-io'
import { openDevice } from '../../lib/dom0/block/open-device'
import type { BlockDevice } from '../../lib/ports/block-device'
import { ADDONS } from '../contracts/native-addon'
import { LoopDevice, NO_LOOPS } from '../contracts/loop-device'

jest.setTimeout(60_000)

const MIB = 1024 * 1024
const SIZE = 16 * MIB

const describeLoops = NO_LOOPS === '' ? describe : describe.skip

describeLoops(`a replica on a block device${NO_LOOPS === '' ? '' : ` (left out: ${NO_LOOPS})`}`, () => {
  let folder = ''
  let loop: LoopDevice
  let device: BlockDevice | null = null
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-loop-'))
    writeFileSync(image(), Buffer.alloc(SIZE))
    loop = LoopDevice.attach(image())
  })
  afterEach(async () => {
    await device?.close()
    device = null
    loop.detach()
    rmSync(folder, { recursive: true })
  })
  const image = (): string => join(folder, 'image')
  const open = async (sizeBytes = SIZE): Promise<BlockDevice> =>
    (device = await openDevice({ kind: 'device', path: loop.path }, sizeBytes, false))

  test('what is flushed is on the medium, at any offset', async () => {
    const made = await open()
    await made.write(1021, Buffer.alloc(3000, 7))
    await made.flush()
    expect(
      readFileSync(image())
        .subarray(1020, 4022)
        .equals(Buffer.from([0, ...Buffer.alloc(3000, 7), 0])),
    ).toBe(true)
  })

  test('a disk with sectors of 4 KiB takes any offset too', async () => {
    loop.detach()
    loop = LoopDevice.attach(image(), '--sector-size', '4096')
    const made = await open()
    await made.write(4095, Buffer.from([1, 2]))
    await made.zero(4096, 8 * MIB + 1, true)
    await made.flush()
    expect(
      readFileSync(image())
        .subarray(4094, 4098)
        .equals(Buffer.from([0, 1, 0, 0])),
    ).toBe(true)
  })

  test.each([
    [true, 'none'],
    [true, 'lane'],
    [false, 'lane'],
  ] as const)('a disk with sectors of 4 KiB zeroes less than one of them (punch %s, addon %s)', async (punch, addon) => {
    loop.detach()
    loop = LoopDevice.attach(image(), '--sector-size', '4096')
    const native = addon === 'none' ? null : loadNativeIo(ADDONS)
    const made = (device = await openBlockFile({ path: loop.path, sizeBytes: SIZE, create: false, native }))
    await made.write(0, Buffer.alloc(8192, 3))
    await made.zero(512, 1024, punch)
    await made.flush()
    const read = readFileSync(image()).subarray(0, 8192)
    expect(read.equals(Buffer.concat([Buffer.alloc(512, 3), Buffer.alloc(1024), Buffer.alloc(8192 - 1536, 3)]))).toBe(true)
  })

  test('punched space goes back to what the disk lies on', async () => {
    const made = await open()
    await made.write(0, Buffer.alloc(SIZE, 1))
    await made.flush()
    expect(statSync(image()).blocks * 512).toBeGreaterThanOrEqual(SIZE)
    await made.zero(0, SIZE, true)
    await made.flush()
    expect(statSync(image()).blocks * 512).toBeLessThan(MIB)
    const end = Buffer.alloc(4096, 1)
    await made.read(SIZE - 4096, end)
    expect(end.equals(Buffer.alloc(4096))).toBe(true)
  })

  test('another size is refused either way', async () => {
    await expect(open(SIZE - 512)).rejects.toMatchObject({ code: 'ESIZE' })
    await expect(open(SIZE + 512)).rejects.toMatchObject({ code: 'ESIZE' })
    await open()
  })

  test('it is ours alone while it is open, and free again afterwards', async () => {
    await open()
    await expect(openDevice({ kind: 'device', path: loop.path }, SIZE, false)).rejects.toMatchObject({ code: 'EBUSY' })
    expect(() => execFileSync('mkfs.ext4', ['-q', loop.path], { stdio: 'pipe' })).toThrow(/in use/)
    await device?.close()
    await open()
  })

  test('a failed attempt does not keep it', async () => {
    await expect(open(SIZE + 512)).rejects.toMatchObject({ code: 'ESIZE' })
    execFileSync('mkfs.ext4', ['-q', loop.path])
  })

  test('one that is mounted is refused, however its path is given', async () => {
    execFileSync('mkfs.ext4', ['-q', loop.path])
    const mountPoint = join(folder, 'mnt')
    mkdirSync(mountPoint)
    execFileSync('mount', [loop.path, mountPoint])
    try {
      await expect(open()).rejects.toMatchObject({ code: 'EBUSY' })
      await expect(openDevice({ kind: 'file', path: loop.path }, SIZE, true)).rejects.toMatchObject({ code: 'EBUSY' })
    } finally {
      execFileSync('umount', [mountPoint])
    }
    await open()
  })

  test('one that cannot be written is refused', async () => {
    loop.detach()
    loop = LoopDevice.attach(image(), '--read-only')
    await expect(open()).rejects.toMatchObject({ code: 'EROFS' })
  })

  test('what is missing is never made, what is no block device never opened', async () => {
    const before = readdirSync(folder)
    const missing = { kind: 'device', path: join(folder, 'vg', 'disk') } as const
    await expect(openDevice(missing, SIZE, true)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(openDevice({ ...missing, path: join(folder, 'disk') }, SIZE, true)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(openDevice({ ...missing, path: image() }, SIZE, true)).rejects.toMatchObject({ code: 'ENOTBLK' })
    await expect(openDevice({ ...missing, path: '/dev/null' }, SIZE, true)).rejects.toMatchObject({ code: 'ENOTBLK' })
    expect(readdirSync(folder)).toEqual(before)
  })

  test('a medium that vanishes is an error, not zeroes', async () => {
    const made = await open()
    execFileSync('truncate', ['--size=1M', image()])
    const far = Buffer.alloc(4096, 1)
    await expect(made.read(8 * MIB, far)).rejects.toMatchObject({ code: 'EIO' })
  })
})

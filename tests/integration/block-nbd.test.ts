import { mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBlockNbd, sizeOfNbd } from '../../lib/dom0/nbd-client/block-nbd'
import { openDevice } from '../../lib/dom0/block/open-device'
import type { BlockDevice } from '../../lib/ports/block-device'
import { emptyImage } from '../contracts/block-keepers'
import { OtherNbdServer } from '../contracts/other-nbd-server'
import { TapdiskServer } from '../contracts/tapdisk-server'

jest.setTimeout(60_000)

const MIB = 1024 * 1024
const SIZE = 8 * MIB

describe("a replica kept by somebody else's NBD server", () => {
  let folder = ''
  let server: OtherNbdServer | null = null
  let device: BlockDevice | null = null
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'))
  })
  afterEach(async () => {
    await device?.close()
    await server?.stop()
    device = server = null
    rmSync(folder, { recursive: true })
  })
  const nbdkit = async (...args: string[]): Promise<OtherNbdServer> => (server = await OtherNbdServer.nbdkit(folder, ...args))
  const qemu = async (...more: string[]): Promise<OtherNbdServer> =>
    (server = await OtherNbdServer.qemu(folder, emptyImage(folder, SIZE), ...more))
  const opened = async ({ source }: OtherNbdServer): Promise<BlockDevice> => (device = await openBlockNbd(source, SIZE))
  const firstByte = async (from: BlockDevice): Promise<number> => {
    const byte = Buffer.alloc(1)
    await from.read(0, byte)
    return byte.readUInt8(0)
  }
  /** A disk of single bytes kept by a shell: slow, and as poor as it is told to be. */
  const shell = (...more: string[]): Promise<OtherNbdServer> => {
    const image = emptyImage(folder, SIZE)
    return nbdkit(
      ...['eval', `get_size=echo ${SIZE}`],
      `pread=dd if=${image} skip=$4 count=$3 iflag=count_bytes,skip_bytes status=none`,
      `pwrite=echo "write [$5]" >>${folder}/asked; dd of=${image} seek=$4 conv=notrunc oflag=seek_bytes status=none`,
      ...more,
    )
  }
  const askedOf = (): string[] => readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n')

  describe('is refused', () => {
    test.each([SIZE - 512, SIZE + 512, 0])('when it has 8 MiB instead of %i bytes', async (wanted) => {
      const { source } = await nbdkit('memory', `${SIZE}`)
      expect(await sizeOfNbd(source)).toBe(SIZE)
      await expect(openDevice(source, wanted, true)).rejects.toMatchObject({
        code: 'ESIZE',
        message: expect.stringContaining(`has ${SIZE} bytes instead of ${wanted}`) as string,
      })
    })

    test('when it cannot be written', async () => {
      await expect(opened(await nbdkit('--readonly', 'memory', `${SIZE}`))).rejects.toMatchObject({ code: 'EROFS' })
    })

    test('when nobody serves it: a missing socket is not a missing replica', async () => {
      const { source } = await nbdkit('memory', `${SIZE}`)
      await server?.stop()
      await expect(openBlockNbd(source, SIZE)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      if ('unix' in source.address) unlinkSync(source.address.unix)
      await expect(openBlockNbd(source, SIZE)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    })

    test('when nobody listens on the port, at any address of the name', async () => {
      const nobody = { kind: 'nbd', address: { host: 'localhost', port: 1 }, exportName: '' } as const
      await expect(openBlockNbd(nobody, SIZE)).rejects.toMatchObject({
        code: 'ECONNREFUSED',
        message: expect.stringMatching(/^ECONNREFUSED: nbd:\/\/localhost:1\/: .+/) as string,
      })
    })

    test('when the server has no such export', async () => {
      const { source } = await qemu('--export-name=disk-0')
      await expect(openBlockNbd({ ...source, exportName: 'disk-1' }, SIZE)).rejects.toMatchObject({
        code: 'EEXPORT',
        message: expect.stringContaining('no export "disk-1"') as string,
      })
      device = await openBlockNbd({ ...source, exportName: 'disk-0' }, SIZE)
    })

    test('when the server speaks the oldest NBD', async () => {
      await expect(opened(await nbdkit('--oldstyle', 'memory', `${SIZE}`))).rejects.toMatchObject({ code: 'EPROTO' })
    })

    test('when nothing would tell that a write is on stable storage, unless it is said to be so', async () => {
      const { source } = await shell()
      await expect(openBlockNbd(source, SIZE)).rejects.toMatchObject({
        code: 'ENOFLUSH',
        message: expect.stringContaining('neither flush nor FUA') as string,
      })
      device = await openBlockNbd({ ...source, writeThrough: true }, SIZE)
      await device.write(0, Buffer.alloc(512, 3))
      await device.flush()
      expect(await firstByte(device)).toBe(3)
      expect(askedOf()).toEqual(['write []'])
    })

    test('when its bytes would cross a network in plain text', async () => {
      const far = { kind: 'nbd', address: { host: '192.0.2.1', port: 10809 }, exportName: '' } as const
      await expect(openBlockNbd(far, SIZE)).rejects.toMatchObject({ code: 'EACCES' })
    })
  })

  test('without flush every change is sent with FUA', async () => {
    const made = await opened(await shell('can_fua=echo native', 'can_zero=exit 0', `zero=echo "zero [$5]" >>${folder}/asked`))
    await made.write(0, Buffer.alloc(1024, 3))
    await made.zero(4096, 4096, true)
    await made.flush()
    expect(askedOf()).toEqual(['write [fua]', 'zero [fua,may_trim]'])
  })

  test('zeroes are written where the server finds out late that it cannot zero', async () => {
    const made = await opened(
      await shell('can_fua=echo native', 'can_zero=exit 0', `zero=echo "zero" >>${folder}/asked; echo ENOTSUP >&2; exit 1`),
    )
    await made.write(0, Buffer.alloc(1024, 3))
    await made.zero(0, 1024, false)
    expect(await firstByte(made)).toBe(0)
    expect(askedOf().at(-1)).toBe('write [fua]')
  })

  test('space is given back by punching, kept otherwise', async () => {
    const made = await opened(await qemu())
    const used = async (): Promise<number> => {
      await made.flush()
      return statSync(join(folder, 'image')).blocks * 512
    }
    await made.write(0, Buffer.alloc(4 * MIB, 1))
    expect(await used()).toBeGreaterThanOrEqual(4 * MIB)
    await made.zero(0, 4 * MIB, false)
    expect(await used()).toBeGreaterThanOrEqual(4 * MIB)
    await made.zero(0, 4 * MIB, true)
    expect(await used()).toBeLessThan(MIB)
  })

  describe('fails as its server fails', () => {
    const failing = (error: string, what: string): Promise<OtherNbdServer> =>
      nbdkit('--filter=error', 'memory', `${SIZE}`, `error=${error}`, `error-${what}-rate=100%`, `error-file=${folder}/fail`)

    test.each(['EPERM', 'EIO', 'ENOMEM', 'EINVAL', 'ENOSPC', 'ESHUTDOWN'])('a write with %s, and serves on', async (error) => {
      const made = await opened(await failing(error, 'pwrite'))
      await made.write(0, Buffer.alloc(512, 1))
      writeFileSync(join(folder, 'fail'), '')
      const writes = Array.from({ length: 20 }, (_, index) => made.write(index * 512, Buffer.alloc(512, 2)))
      for (const ended of await Promise.allSettled(writes)) expect(ended).toMatchObject({ reason: { code: error } })
      expect(await firstByte(made)).toBe(1)
      unlinkSync(join(folder, 'fail'))
      await made.write(0, Buffer.alloc(512, 3))
      expect(await firstByte(made)).toBe(3)
    })

    test('a read, without touching the reads beside it', async () => {
      const made = await opened(await failing('EIO', 'pread'))
      writeFileSync(join(folder, 'fail'), '')
      await expect(made.read(0, Buffer.alloc(4096))).rejects.toMatchObject({ code: 'EIO' })
      unlinkSync(join(folder, 'fail'))
      expect(await firstByte(made)).toBe(0)
    })

    test('zeroes', async () => {
      const made = await opened(await failing('ENOSPC', 'zero'))
      writeFileSync(join(folder, 'fail'), '')
      await expect(made.zero(0, MIB, true)).rejects.toMatchObject({ code: 'ENOSPC' })
    })

    test('a flush, and then it stays failed: what was lost does not come back', async () => {
      const flush = `flush=if [ -e ${folder}/fail ]; then echo EIO >&2; exit 1; fi`
      const made = await opened(await shell('can_flush=exit 0', flush))
      await made.write(0, Buffer.alloc(512, 1))
      await made.flush()
      writeFileSync(join(folder, 'fail'), '')
      await expect(made.flush()).rejects.toMatchObject({ code: 'EIO' })
      unlinkSync(join(folder, 'fail'))
      await expect(made.flush()).rejects.toMatchObject({ code: 'EIO' })
    })
  })

  describe('is lost with its server', () => {
    test('what is under way rejects, and so do all later requests', async () => {
      const { source } = await nbdkit('--filter=delay', 'memory', `${SIZE}`, 'wdelay=60')
      const made = (device = await openBlockNbd(source, SIZE))
      const writes = Array.from({ length: 300 }, (_, index) => made.write(index * 4096, Buffer.alloc(4096, 1)))
      const flush = made.flush()
      server?.signal('SIGKILL')
      for (const ended of await Promise.allSettled([...writes, flush]))
        expect(ended).toMatchObject({ reason: { code: 'ECONNRESET' } })
      await expect(made.read(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'ECONNRESET' })
      await expect(made.flush()).rejects.toMatchObject({ code: 'EIO' })
    })

    test('a server that comes back is opened again, and has what was flushed', async () => {
      const made = await opened(await qemu())
      await made.write(4096, Buffer.alloc(4096, 7))
      await made.flush()
      await server?.stop()
      await expect(made.write(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(readFileSync(join(folder, 'image')).subarray(4096, 8192).equals(Buffer.alloc(4096, 7))).toBe(true)
      await made.close()
      server = await OtherNbdServer.qemu(folder, join(folder, 'image'))
      device = await openBlockNbd(server.source, SIZE)
      const found = Buffer.alloc(4096)
      await device.read(4096, found)
      expect(found.equals(Buffer.alloc(4096, 7))).toBe(true)
    })

    test('an idle one is known to be lost by the next request', async () => {
      const made = await opened(await nbdkit('memory', `${SIZE}`))
      await server?.stop()
      await expect(made.flush()).rejects.toMatchObject({ code: 'ECONNRESET' })
    })

    test('one that hangs leaves its requests waiting, and can be closed all the same', async () => {
      const made = await opened(await nbdkit('memory', `${SIZE}`))
      await server?.freeze()
      const write = made.write(0, Buffer.alloc(512))
      const settled = write.catch((error: unknown) => error)
      await made.close()
      expect(await settled).toMatchObject({ code: 'ETIMEDOUT' })
      await expect(made.read(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'EBADF' })
    })

    test('closing waits for what was asked, and says goodbye: a server that waits for its clients ends', async () => {
      const made = await opened(
        await nbdkit(
          ...['--filter=exitwhen', '--filter=delay', 'memory', `${SIZE}`],
          ...[`exit-when-file-created=${folder}/end`, 'exit-when-poll=1', 'wdelay=100ms'],
        ),
      )
      const write = made.write(0, Buffer.alloc(512, 1))
      writeFileSync(join(folder, 'end'), '')
      await made.close()
      await write
      await server?.ended()
    })
  })

  describe("in tapdisk's dialect", () => {
    let tapdisk: TapdiskServer
    beforeEach(async () => {
      tapdisk = await TapdiskServer.start(folder, SIZE)
      device = await openBlockNbd(tapdisk.source, SIZE)
    })
    afterEach(async () => {
      await device?.close()
      await tapdisk.stop()
      expect(tapdisk.complaints).toEqual([])
    })
    const open = (): BlockDevice => {
      if (device === null) throw new Error('opened before every test')
      return device
    }

    test('no more than eight requests are under way, and as many', async () => {
      const writes = Array.from({ length: 100 }, (_, index) => open().write(index * 1024, Buffer.alloc(1024, index)))
      const reads = Array.from({ length: 100 }, (_, index) => open().read(4 * MIB + index * 1024, Buffer.alloc(1024)))
      await Promise.all([...writes, ...reads])
      expect(tapdisk.mostAtOnce).toBe(8)
      for (let index = 0; index < 100; index++) expect(tapdisk.disk.readUInt8(index * 1024 + 1023)).toBe(index)
    })

    test('a failed read is followed by bytes that are not taken for anything', async () => {
      tapdisk.badByte = 2048
      const reads = Array.from({ length: 16 }, (_, index) => open().read(index * 512, Buffer.alloc(512)))
      const ends = await Promise.allSettled(reads)
      expect(ends.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1)
      expect(ends[4]).toMatchObject({ reason: { code: 'EIO' } })
      await expect(open().write(2000, Buffer.alloc(100))).rejects.toMatchObject({ code: 'EIO' })
      tapdisk.badByte = -1
      await open().write(2000, Buffer.alloc(100, 9))
      expect(
        tapdisk.disk.subarray(1999, 2101).equals(Buffer.concat([Buffer.alloc(1), Buffer.alloc(100, 9), Buffer.alloc(1)])),
      ).toBe(true)
    })

    test('only reads, writes and the goodbye are asked of it', async () => {
      await open().zero(0, 3 * MIB + 5, true)
      await open().flush()
      await open().close()
      expect(new Set(tapdisk.types)).toEqual(new Set([0, 1, 2]))
      expect(tapdisk.types.at(-1)).toBe(2)
    })
  })
})

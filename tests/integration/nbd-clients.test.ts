import { once } from 'node:events'
import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNbdExport, type NbdExport } from '../../lib/dom0/nbd/nbd-export'
import type { DiskExtents, DiskHandler } from '../../lib/ports/disk-export'
import { MemoryDisk } from './memory-disk'
import { QuietLog } from './quiet-log'
import { run, type Ran } from './run-client'

const MIB = 1024 * 1024
const BLOCK = 64 * 1024

jest.setTimeout(120_000)

/** As a crash leaves it: a socket that nobody listens on. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.before`)
  await once(server, 'listening')
  linkSync(`${path}.before`, path)
  server.close()
  await once(server, 'close')
}

describe('clients that exist', () => {
  const log = new QuietLog()
  const disk = new MemoryDisk(48 * MIB)
  const zeroes = Buffer.alloc(BLOCK)
  const extents: DiskExtents = (offset, length, _one, reply) => {
    const blocks = Array.from({ length: Math.ceil(length / BLOCK) }, (_, index) => {
      const start = offset + index * BLOCK
      const empty = disk.bytes.subarray(start, start + BLOCK).equals(zeroes)
      return { lengthBytes: BLOCK, hole: empty, zero: empty }
    })
    setImmediate(() => reply({ error: 0, extents: blocks }))
  }
  /** Lets the export use its memory again, as a worker does. */
  const frugal: DiskHandler = (request, reply) =>
    disk.handler(request, (result) => {
      const { room } = request
      const data = room?.()
      if (data !== undefined) result.data?.copy(data)
      reply({ ...result, ...(data === undefined ? {} : { data }), dataIsFree: true })
    })
  let folder = ''
  let served: NbdExport
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'))
    await leaveSocket(join(folder, 'disk.sock'))
    served = await createNbdExport({
      listen: { unix: join(folder, 'disk.sock') },
      exportName: 'disk-0',
      sizeBytes: disk.sizeBytes,
      handler: frugal,
      extents,
      log,
    })
  })
  afterAll(async () => {
    await served.close()
    expect(existsSync(join(folder, 'disk.sock'))).toBe(false)
    rmSync(folder, { recursive: true })
    expect(log.lines).toEqual([])
  })

  test('the socket is for its owner only', () => {
    expect(statSync(join(folder, 'disk.sock')).mode & 0o777).toBe(0o600)
  })

  test('nbdinfo reads what the export can do', async () => {
    const { status, output } = await run('nbdinfo', served.uri)
    expect(output).toMatch(/export-size: 50331648 \(48M\)/)
    for (const fact of ['can_fua', 'can_flush', 'can_trim', 'can_zero', 'can_multi_conn']) {
      expect(output).toContain(`${fact}: true`)
    }
    expect(output).toContain('is_read_only: false')
    expect(status).toBe(0)
  })

  test('nbdinfo --json: structured replies, the context, and only what there is', async () => {
    const { status, output } = await run('nbdinfo', '--json', served.uri)
    expect(JSON.parse(output)).toMatchObject({
      protocol: 'newstyle-fixed',
      TLS: false,
      structured: true,
      exports: [
        {
          'export-name': 'disk-0',
          contexts: ['base:allocation'],
          is_read_only: false,
          can_df: true,
          can_fast_zero: false,
          can_cache: false,
        },
      ],
    })
    expect(status).toBe(0)
  })

  test('what is allocated, as nbdinfo and QEMU see it', async () => {
    disk.bytes.fill(0)
    disk.bytes.fill(1, 2 * BLOCK, 5 * BLOCK)
    disk.bytes.fill(1, disk.sizeBytes - BLOCK)
    const last = disk.sizeBytes - BLOCK
    const map = await run('nbdinfo', '--map', '--json', served.uri)
    expect(JSON.parse(map.output)).toMatchObject([
      { offset: 0, length: 2 * BLOCK, type: 3 },
      { offset: 2 * BLOCK, length: 3 * BLOCK, type: 0 },
      { offset: 5 * BLOCK, length: last - 5 * BLOCK, type: 3 },
      { offset: last, length: BLOCK, type: 0 },
    ])
    const seen = await run('qemu-img', 'map', '-f', 'raw', '--output=json', served.uri)
    expect(JSON.parse(seen.output)).toMatchObject([
      { start: 0, length: 2 * BLOCK, zero: true, data: false },
      { start: 2 * BLOCK, length: 3 * BLOCK, zero: false, data: true },
      { start: 5 * BLOCK, length: last - 5 * BLOCK, zero: true, data: false },
      { start: last, length: BLOCK, zero: false, data: true },
    ])
  })

  test('what is empty is not copied out', async () => {
    disk.bytes.fill(0)
    disk.bytes.fill(7, 3 * BLOCK, 4 * BLOCK)
    disk.asked.length = 0
    expect(await run('nbdcopy', served.uri, join(folder, 'sparse.img'))).toEqual({ status: 0, output: '' })
    expect(readFileSync(join(folder, 'sparse.img')).equals(disk.bytes)).toBe(true)
    const read = disk.asked.reduce((sum, { kind, length }) => sum + (kind === 'read' ? length : 0), 0)
    expect(read).toBeLessThanOrEqual(MIB)
  })

  test('without knowledge everything counts as allocated', async () => {
    const path = join(folder, 'unknown.sock')
    const other = await createNbdExport({
      ...{ listen: { unix: path }, exportName: 'x', sizeBytes: MIB, handler: disk.handler, log },
    })
    const { output } = await run('nbdinfo', '--map', '--json', other.uri)
    expect(JSON.parse(output)).toMatchObject([{ offset: 0, length: MIB, type: 0 }])
    await other.close()
  })

  test('nbdinfo lists it', async () => {
    const { status, output } = await run('nbdinfo', '--list', served.uri)
    expect(output).toContain('export="disk-0"')
    expect(status).toBe(0)
  })

  test('qemu-img describes it', async () => {
    const { status, output } = await run('qemu-img', 'info', '--output=json', served.uri)
    expect(JSON.parse(output)).toMatchObject({ 'virtual-size': disk.sizeBytes, format: 'raw' })
    expect(status).toBe(0)
  })

  test('qemu-io writes, zeroes, trims, flushes and reads back', async () => {
    const { status, output } = await run(
      'qemu-io',
      ...['-f', 'raw', '-t', 'writeback'],
      ...['-c', 'write -P 0x5a 4096 8M'],
      ...['-c', 'write -P 0xa5 -f 512 512'],
      ...['-c', 'write -z -u 8192 4096'],
      ...['-c', 'write -z 65536 4096'],
      ...['-c', 'discard 20M 1M'],
      ...['-c', 'flush'],
      ...[
        '-c',
        'read -P 0xa5 512 512',
        '-c',
        'read -P 0 8192 4096',
        '-c',
        'read -P 0x5a 12288 4096',
        '-c',
        'read -P 0 65536 4096',
      ],
      served.uri,
    )
    expect(output).not.toMatch(/fail|error/i)
    expect(status).toBe(0)
    expect(disk.asked.some(({ kind, fua, durable }) => kind === 'write' && fua && !durable)).toBe(true)
    expect(disk.asked.some(({ kind, fua }) => kind === 'write' && !fua)).toBe(true)
    expect(disk.asked.some(({ kind, punch }) => kind === 'zero' && punch)).toBe(true)
    expect(disk.asked.some(({ kind, punch }) => kind === 'zero' && !punch)).toBe(true)
    expect(disk.asked.some(({ kind }) => kind === 'trim')).toBe(true)
    expect(disk.asked.some(({ kind }) => kind === 'flush')).toBe(true)
  })

  test('nbdcopy copies in over several connections, and out again', async () => {
    const source = join(folder, 'source.img')
    const pattern = Buffer.alloc(disk.sizeBytes)
    for (let at = 0; at < pattern.length; at += 512) pattern.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)
    writeFileSync(source, pattern)
    const before = disk.asked.length
    expect(await run('nbdcopy', '--connections=4', '--flush', source, served.uri)).toEqual({ status: 0, output: '' })
    expect(disk.bytes.equals(pattern)).toBe(true)
    expect(new Set(disk.asked.slice(before).map(({ connection }) => connection)).size).toBeGreaterThan(1)
    expect(await run('nbdcopy', '--connections=4', served.uri, join(folder, 'copy.img'))).toEqual({ status: 0, output: '' })
    expect(readFileSync(join(folder, 'copy.img')).equals(pattern)).toBe(true)
  })

  test('fio writes at random and finds what it wrote', async () => {
    const job = [
      '--ioengine=nbd',
      `--uri=${served.uri}`,
      '--size=32m',
      '--verify=crc32c',
      '--verify_fatal=1',
      '--verify_state_save=0',
      '--randseed=7',
    ]
    const mixed = ['--rw=randrw', '--bsrange=512-128k', '--iodepth=16', '--number_ios=3000']
    const large = ['--rw=write', '--bs=1m', '--iodepth=8']
    for (const kind of [mixed, large]) {
      const { status, output } = await run('fio', '--name=verify', ...job, ...kind, '--output-format=terse')
      expect(output).not.toMatch(/verify failed|error/i)
      expect(status).toBe(0)
    }
  })

  /** `h` is not connected yet. */
  const libnbd = (script: readonly string[]): Promise<Ran> =>
    run('/usr/bin/python3', '-c', `import errno, nbd, sys\nh = nbd.NBD()\n${script.join('\n')}`, served.uri)

  test('a client that wants no structured replies gets simple ones', async () => {
    disk.bytes.fill(9)
    const script = [
      'h.set_request_structured_replies(False); h.connect_uri(sys.argv[1])',
      'assert not h.get_structured_replies_negotiated() and not h.can_df()',
      "assert h.pread(4096, 512) == b'\\x09' * 4096",
      "h.pwrite(b'x' * 70000, 1000, nbd.CMD_FLAG_FUA); assert h.pread(70000, 1000) == b'x' * 70000",
      'h.zero(70000, 1000); h.trim(4096, 0); h.flush(); h.shutdown()',
    ]
    expect(await libnbd(script)).toEqual({ status: 0, output: '' })
  })

  test('libnbd: reads in one piece, errors with their number, hundreds of requests in flight', async () => {
    const script = [
      'h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION); h.set_strict_mode(0); h.connect_uri(sys.argv[1])',
      'assert h.get_structured_replies_negotiated() and h.can_df() and h.can_meta_context("base:allocation")',
      "h.pwrite(b'y' * 3000000, 512); assert h.pread(3000000, 512, nbd.CMD_FLAG_DF) == b'y' * 3000000",
      'def errno_of(call):',
      '    try: call()',
      '    except nbd.Error as error: return error.errnum',
      'size = h.get_size()',
      'assert errno_of(lambda: h.pread(512, size)) == errno.EINVAL',
      "assert errno_of(lambda: h.pwrite(b'z' * 512, size)) == errno.ENOSPC",
      'assert errno_of(lambda: h.cache(512, 0)) == errno.EINVAL',
      'assert errno_of(lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO)) == errno.EINVAL',
      'assert errno_of(lambda: h.block_status(512, size, lambda *all: 0)) == errno.EINVAL',
      'buffers = [nbd.Buffer(4096) for _ in range(500)]',
      'cookies = [h.aio_pread(b, 512 + 4096 * n) for n, b in enumerate(buffers)]',
      'while cookies:',
      '    h.poll(-1)',
      '    cookies = [c for c in cookies if not h.aio_command_completed(c)]',
      "assert all(bytes(b.to_bytearray()) == b'y' * 4096 for b in buffers)",
      'h.shutdown()',
    ]
    expect(await libnbd(script)).toEqual({ status: 0, output: '' })
  })

  test('qemu-img converts into it and compares', async () => {
    const source = join(folder, 'other.img')
    writeFileSync(source, Buffer.concat([Buffer.alloc(10 * MIB, 7), Buffer.alloc(38 * MIB)]))
    const converted = await run('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', source, served.uri)
    expect(converted).toEqual({ status: 0, output: '' })
    expect(await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', source, served.uri)).toMatchObject({ status: 0 })
  })
})

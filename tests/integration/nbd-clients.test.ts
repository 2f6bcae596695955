import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNbdExport, type NbdExport } from '../../lib/dom0/nbd-export'
import { MemoryDisk } from './memory-disk'
import { QuietLog } from './quiet-log'
import { run } from './run-client'

const MIB = 1024 * 1024

describe('clients that exist', () => {
  const log = new QuietLog()
  const disk = new MemoryDisk(48 * MIB)
  let folder = ''
  let served: NbdExport
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'))
    writeFileSync(join(folder, 'disk.sock'), 'left behind by a crash')
    served = await createNbdExport({
      path: join(folder, 'disk.sock'),
      exportName: 'disk-0',
      sizeBytes: disk.sizeBytes,
      handler: disk.handler,
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

  test('qemu-img converts into it and compares', async () => {
    const source = join(folder, 'other.img')
    writeFileSync(source, Buffer.concat([Buffer.alloc(10 * MIB, 7), Buffer.alloc(38 * MIB)]))
    const converted = await run('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', source, served.uri)
    expect(converted).toEqual({ status: 0, output: '' })
    expect(await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', source, served.uri)).toMatchObject({ status: 0 })
  })
})

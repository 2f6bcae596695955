import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryFile } from '../../../lib/dom0/qemu/memory-file'
import { standbyHost } from '../../../lib/dom0/qemu/standby-host'
import { Malformed } from '../../../lib/wire/shape'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'standby-host-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A host's program that does what the lines say. */
function program(...lines: string[]): string {
  const path = join(folder, 'holdfast-standby')
  writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'))
  chmodSync(path, 0o755)
  return path
}

const SPEC = { vm: '5f2a1d10-7f0e-4a55-9d3b-0e4f5a6b7c01', run: 3, memoryBytes: 4096, way: 'devices' } as const

test('a stock host says what it lacks, and prepares nothing', async () => {
  const host = standbyHost('holdfast-standby-that-is-not-there')
  const why = 'this host cannot have a waiting copy of a VM (it has no holdfast-standby-that-is-not-there)'
  expect(await host.lacks()).toBe(why)
  await expect(host.prepare(SPEC)).rejects.toMatchObject({ code: 'ENOENT', message: `ENOENT: ${why}` })
})

test('what is asked is what the contract says', async () => {
  const host = standbyHost(
    program(`echo "$@" >> ${folder}/asked`, `echo '{"domid":7,"monitor":"/q","memoryFile":"/m","disks":[]}'`),
  )
  expect(await host.lacks()).toBe(null)
  expect(await host.prepare(SPEC)).toEqual({ domid: '7', monitor: '/q', memoryFile: '/m', disks: [] })
  await host.run('7')
  await host.end('7')
  expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(
    `list\nprepare ${SPEC.vm} --run 3 --memory 4096 --way devices\nrun 7\nend 7\n`,
  )
})

test("a refusal is in the host's words, and an answer that is none is told as such", async () => {
  await expect(standbyHost(program('echo no room >&2; exit 1')).prepare(SPEC)).rejects.toThrow(/: no room$/)
  await expect(standbyHost(program('exit 1')).lacks()).rejects.toThrow('list: ')
  await expect(standbyHost(program('echo {}')).prepare(SPEC)).rejects.toThrow(Malformed)
})

test('pages are written where they belong, small runs and large ones', async () => {
  const path = join(folder, 'memory')
  const size = 1 << 20
  writeFileSync(path, Buffer.alloc(size))
  await expect(MemoryFile.open(path, size + 4096)).rejects.toMatchObject({ code: 'EINVAL' })
  const memory = await MemoryFile.open(path, size)
  const large = 256 * 1024
  const bytes = Buffer.concat([Buffer.alloc(4096, 1), Buffer.alloc(large, 2), Buffer.alloc(8192, 3)])
  const runs = [
    { offset: 4096, length: 4096 },
    { offset: 65536, length: large },
    { offset: size - 8192, length: 8192 },
  ]
  await memory.write({ runs, bytes })
  const expected = Buffer.alloc(size)
  expected
    .fill(1, 4096, 8192)
    .fill(2, 65536, 65536 + large)
    .fill(3, size - 8192)
  expect(readFileSync(path).equals(expected)).toBe(true)
  await expect(memory.write({ runs: [{ offset: size, length: 4096 }], bytes })).rejects.toThrow('of this memory')
  await memory.close()
})

import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { volumeKey } from '../../lib/core/domain/ids'
import { openReplica } from '../../lib/dom0/replica/open-replica'

const key = volumeKey('dddddddd-0000-4000-8000-000000000001')
const MIB = 1024 * 1024
/** Mounted on every Linux, and never the root file system. */
const MOUNTED = '/dev/shm'
const ON_ROOT = '/var/tmp'

let top: string
afterEach(() => rmSync(top, { recursive: true }))

test('an empty disk in the place of a failed one gets the folder that it lacks', async () => {
  top = mkdtempSync(join(MOUNTED, 'holdfast-'))
  const path = join(top, 'srv', key, 'disk.raw')
  await expect(openReplica({ key, sizeBytes: MIB, path }, false)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(existsSync(join(top, 'srv'))).toBe(false)
  const replica = await openReplica({ key, sizeBytes: MIB, path }, true)
  await replica.close()
  expect(statSync(path).size).toBe(MIB)
  expect(statSync(join(top, 'srv')).mode & 0o777).toBe(0o700)
})

const onRoot = statSync(ON_ROOT).dev === statSync('/').dev ? test : test.skip

onRoot(`nothing is made where no disk is mounted; skipped where ${ON_ROOT} is a file system of its own`, async () => {
  top = mkdtempSync(join(ON_ROOT, 'holdfast-'))
  const path = join(top, key, 'disk.raw')
  await expect(openReplica({ key, sizeBytes: MIB, path }, true)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(existsSync(join(top, key))).toBe(false)
  mkdirSync(join(top, key))
  await (await openReplica({ key, sizeBytes: MIB, path }, true)).close()
})

test('a place that somebody named is not made', async () => {
  top = mkdtempSync(join(MOUNTED, 'holdfast-'))
  const path = join(top, 'misspelled', 'orders.img')
  const volume = { key, sizeBytes: MIB, path: `file:${path}`, source: { kind: 'file', path } as const, metadata: path }
  await expect(openReplica(volume, true)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(existsSync(join(top, 'misspelled'))).toBe(false)
})

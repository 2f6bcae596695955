import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaseFolder } from '../../../lib/dom0/fence/lease-files'
import { takeSelfFenced } from '../../../lib/dom0/fence/self-fenced'
import { recordingLog } from './small-daemon'

const ONE = 'aaaaaaaa-0000-4000-8000-000000000001'
const OTHER = 'aaaaaaaa-0000-4000-8000-000000000002'

let folder = ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fenced-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('what the watchdog destroyed is told once, and is no lease', () => {
  const leases = leaseFolder(folder, recordingLog())
  leases.destroyed(ONE)
  leases.destroyed(ONE)
  expect(leases.read()).toEqual([])
  expect([takeSelfFenced(folder, OTHER), takeSelfFenced(folder, ONE), takeSelfFenced(folder, ONE)]).toEqual([false, true, false])
})

test('a folder that is gone stops neither of them', () => {
  const leases = leaseFolder(folder, recordingLog())
  rmSync(folder, { recursive: true })
  leases.destroyed(ONE)
  expect(takeSelfFenced(folder, ONE)).toBe(false)
})

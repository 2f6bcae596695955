import { hostUuid, vmUuid } from '../../../lib/core/domain/ids'
import { FailoverDriver, type FailoverNeeds } from '../../../lib/daemon/host/failover/failover-driver'
import { Fleet } from '../../../lib/daemon/host/fleet'
import type { HostParts } from '../../../lib/daemon/host/parts'

const HERE = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const OTHER = hostUuid('aaaaaaaa-0000-4000-8000-000000000002')
const VM = vmUuid('bbbbbbbb-0000-4000-8000-000000000001')

/** A host that was started `upMs` ago beside a silent one that holds a claim; what its worker is asked for. */
function beside(
  preferredSurvivor: typeof HERE | null,
  upToDate: readonly (typeof HERE)[] = [HERE, OTHER],
): { driver: FailoverDriver; asked: string[]; machine: { upMs: number } } {
  const asked: string[] = []
  const machine = { upMs: 1000 }
  const claim = {
    revision: 1,
    claim: { vm: VM, term: 1, holder: OTHER, leaseMs: 1500, upToDate: { disk: upToDate }, lockstep: null },
  }
  const status = {
    ...{ role: 'secondary', claim, claimIsCurrent: true, guestActive: true, peerConnected: false },
    ...{ witnessReachable: true, volumes: [{ localReplica: 'member' }] },
  }
  const parts = {
    host: HERE,
    config: { preferredSurvivor },
    clock: { nowMs: () => machine.upMs },
    upMs: () => machine.upMs,
    xapi: { inventory: () => ({ coordinator: HERE, hosts: [], vms: [] }) },
    writtenCoordinator: () => HERE,
    timeline: { record: () => undefined },
    workers: {
      list: () => [{ id: VM, vm: VM }],
      onExit: () => undefined,
      ask: (_: string, fn: string) => {
        if (fn === 'status') return Promise.resolve(status)
        asked.push(fn)
        return Promise.resolve({ taken: false, why: 'lease-current' })
      },
    },
  } as unknown as HostParts
  const fencing: FailoverNeeds['fencing'] = {
    ...{ looked: () => undefined, seen: () => undefined, fenced: () => undefined, of: () => undefined },
  }
  const needs = { parts, fencing, ran: () => true, fleet: new Fleet(parts, null as never), election: null as never }
  return { driver: new FailoverDriver(needs), asked, machine }
}

test('after its boot it leaves the preferred survivor five seconds, and then asks for the claim', async () => {
  const { driver, asked, machine } = beside(OTHER)
  await driver.suspected(OTHER, {})
  machine.upMs = 4999
  await driver.lookAgain()
  expect(asked).toEqual([])
  machine.upMs = 5000
  await driver.lookAgain()
  expect(asked).toEqual(['take-over'])
})

test.each([
  ['it is the preferred one itself', HERE],
  ['the pool prefers nobody', null],
])('it asks at once where %s', async (_, preferred) => {
  const { driver, asked } = beside(preferred)
  await driver.suspected(OTHER, {})
  expect(asked).toEqual(['take-over'])
})

test('it asks at once where the claim does not list the preferred one', async () => {
  const { driver, asked } = beside(OTHER, [HERE])
  await driver.suspected(OTHER, {})
  expect(asked).toEqual(['take-over'])
})

test('it asks at once where the preferred one was there since, and has gone', async () => {
  const { driver, asked } = beside(OTHER)
  driver.back(OTHER)
  await driver.suspected(OTHER, {})
  expect(asked).toEqual(['take-over'])
})

import { hostUuid, type HostUuid } from '../../../lib/core/domain/ids'
import { FailoverDriver } from '../../../lib/daemon/host/failover/failover-driver'
import type { HostParts } from '../../../lib/daemon/host/parts'
import { XapiFailure } from '../../../lib/ports/xapi'

const HERE = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const SUCCESSOR = hostUuid('aaaaaaaa-0000-4000-8000-000000000002')

/** Whom a host that was the coordinator, and came back, elects a successor of, when `dead` is silent and proven to be off. */
async function electsInsteadOf(dead: HostUuid, writtenSince: HostUuid): Promise<HostUuid[]> {
  let written = HERE
  const elected: HostUuid[] = []
  const silence = new XapiFailure('xapi-silent', 'pool.get_all_records', 'SILENT', [])
  const parts = {
    ...{ host: HERE, clock: { nowMs: () => 0 }, timeline: { record: () => undefined }, writtenCoordinator: () => written },
    xapi: { inventory: () => null, call: () => Promise.reject(silence), get: () => Promise.reject(silence) },
  } as unknown as HostParts
  const driver = new FailoverDriver({
    ...{ parts, fleet: { specs: () => [] }, ran: () => false },
    election: { elect: (instead: HostUuid) => (elected.push(instead), Promise.resolve('unanswered')) },
    fencing: {
      looked: () => undefined,
      seen: () => undefined,
      fenced: () => undefined,
      of: () => ({ proof: { by: 'operator' } }),
    },
  } as unknown as ConstructorParameters<typeof FailoverDriver>[0])
  driver.back(dead)
  written = writtenSince
  await driver.suspected(dead, {})
  await new Promise(setImmediate)
  return elected
}

test('a former coordinator that follows its successor replaces it when it dies', async () => {
  expect(await electsInsteadOf(SUCCESSOR, SUCCESSOR)).toEqual([SUCCESSOR])
})

test('a coordinator that is one still has nobody to replace', async () => {
  expect(await electsInsteadOf(SUCCESSOR, HERE)).toEqual([])
})

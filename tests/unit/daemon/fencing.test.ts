import type { Claim, StoredClaim } from '../../../lib/core/domain/claim'
import { hostUuid, type HostUuid } from '../../../lib/core/domain/ids'
import { leaseOverAfterMs } from '../../../lib/core/domain/lease'
import type { Catalogue } from '../../../lib/daemon/host/catalogue'
import { Fencing } from '../../../lib/daemon/host/fencing/fencing'
import type { Membership } from '../../../lib/daemon/host/membership'
import type { HostParts } from '../../../lib/daemon/host/parts'
import { POOL } from '../../contracts/running-witness'

const HERE = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const SILENT = hostUuid('aaaaaaaa-0000-4000-8000-000000000002')
const LEASE_MS = 2500

/** What stands against an operator's word on a host that has been silent for long and serves no protected VM; null: nothing. */
async function objection(pool: HostUuid | null, written: HostUuid | null): Promise<string | null | undefined> {
  let nowMs = 0
  const stored = pool === null ? null : ({ claim: { holder: pool } as Claim } as StoredClaim)
  const parts = {
    ...{ host: HERE, config: { pool: POOL, leaseMs: LEASE_MS, hosts: {} }, clock: { nowMs: () => nowMs } },
    ...{
      fences: { read: () => [] },
      power: { knows: () => false },
      timeline: { record: () => undefined },
      xapi: { inventory: () => null },
    },
    ...{ witness: { read: () => Promise.resolve(stored) }, writtenCoordinator: () => written },
  } as unknown as HostParts
  const membership = { others: [SILENT], isAlive: () => false, leasesOver: () => undefined } as unknown as Membership
  const catalogue = { protectedVms: () => [] } as unknown as Catalogue
  const fencing = new Fencing({ parts, catalogue, membership, isNoted: () => false, proven: () => undefined })
  const look = async (): Promise<void> => {
    fencing.looked(SILENT, { lost: [], isHeard: false, isAtStake: false })
    await new Promise(setImmediate)
  }
  await look()
  nowMs = leaseOverAfterMs(LEASE_MS) + 1
  await look()
  return fencing.of(SILENT)?.against
}

test.each<[string, HostUuid | null, HostUuid | null, string | null]>([
  ['it holds the claim of the pool', SILENT, null, null],
  ['it is the coordinator, and the claim of the pool is here', HERE, SILENT, null],
  ['it is the coordinator, and nobody has the claim of the pool', null, SILENT, null],
  ['it is a member that holds nothing', HERE, HERE, 'lease-over'],
])('an operator is asked where something waits for the word: %s', async (_, pool, written, against) => {
  expect(await objection(pool, written)).toBe(against)
})

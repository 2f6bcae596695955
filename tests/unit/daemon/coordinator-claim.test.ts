import { hostUuid, type HostUuid } from '../../../lib/core/domain/ids'
import { CoordinatorClaim } from '../../../lib/daemon/host/coordinator-claim'
import type { HostParts } from '../../../lib/daemon/host/parts'
import { POOL, RunningWitness } from '../../contracts/running-witness'

const hosts = (count: number): HostUuid[] =>
  Array.from({ length: count }, (_, nth) => hostUuid(`aaaaaaaa-0000-4000-8000-${String(nth).padStart(12, '0')}`))

let witness: RunningWitness
beforeEach(async () => (witness = await RunningWitness.start()))
afterEach(() => witness.stop())

/** The claim as the last of `count` hosts keeps it. */
function claimOf(count: number): { claim: CoordinatorClaim; host: HostUuid; parts: HostParts } {
  const all = hosts(count)
  const host = all.at(-1) as HostUuid
  const config = { pool: POOL, leaseMs: 2500, hosts: Object.fromEntries(all.map((each) => [each, {}])) }
  const parts = { host, config, witness: witness.connect({ deadlineMs: 5000 }) } as unknown as HostParts
  return { claim: new CoordinatorClaim(parts), host, parts }
}

test.each([2, 5, 64])('in a pool of %i hosts its coordinator gets the claim, and each of them may be the next', async (count) => {
  const { claim, host, parts } = claimOf(count)
  await claim.keep(true)
  expect(claim.held).toBe(true)
  const stored = await parts.witness.read(POOL)
  expect(stored?.claim).toMatchObject({ term: 1, holder: host, leaseMs: 2500 })
  expect(Object.values(stored?.claim.upToDate ?? {}).map((listed) => [...listed].sort())).toEqual([hosts(count)])
})

test('a larger pool lists its coordinator and as many others as a claim may', async () => {
  const { claim, host, parts } = claimOf(70)
  await claim.keep(true)
  const [listed] = Object.values((await parts.witness.read(POOL))?.claim.upToDate ?? {})
  expect(listed).toHaveLength(64)
  expect(listed).toContain(host)
})

import type { Claim, StoredClaim } from '../../../../lib/core/domain/claim'
import { volumeKey } from '../../../../lib/core/domain/ids'
import { Holding } from '../../../../lib/daemon/worker/holding'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import type { WorkerSpec } from '../../../../lib/wire/worker-api'
import { A, B, claimBy } from '../../../contracts/witness-port'

const VOLUME = volumeKey('dddddddd-0000-4000-8000-000000000001')
const LEASE_MS = 1500

test('a claim that another host could take is asked for only when whoever watches the guest could know until when it may run', () => {
  const clock = { nowMs: () => 1000 }
  const happened: string[] = []
  const witness = {
    renew: () => new Promise(() => undefined),
    compareAndSwap: (_: number, { upToDate }: Claim) => {
      happened.push(`asked for ${upToDate[VOLUME]?.length ?? 0}`)
      return new Promise(() => undefined)
    },
  }
  const until = (): string => `until ${holding.guestLease('destroy')?.untilMs ?? 'whenever'}`
  const nothing = (): void => undefined
  const holding: Holding = new Holding(
    { host: A } as unknown as WorkerSpec,
    { clock, bootClock: clock, witness } as unknown as WorkerParts,
    {
      changing: () => happened.push(until()),
      ...{ lease: nothing, guests: nothing, claimed: nothing, memory: nothing, lost: nothing },
    },
  )
  holding.hold({ revision: 1, claim: claimBy(A, { leaseMs: LEASE_MS, upToDate: { [VOLUME]: [A] } }) }, 1000)
  happened.push(until())
  holding.want(VOLUME, [A, B])
  expect(happened).toEqual(['until whenever', `until ${1000 + LEASE_MS}`, 'asked for 2'])
})

test('a claim that is refused to be given up is asked for as it was found then, but never another one than this host holds', async () => {
  const clock = { nowMs: () => 1000 }
  const mine = claimBy(A, { leaseMs: LEASE_MS, upToDate: { [VOLUME]: [A] } })
  const first = { revision: 55, claim: mine }
  const carried = { revision: 11, claim: { ...mine, decided: { generation: 2, by: 'w1' } } }
  const theirs = { revision: 12, claim: { ...mine, term: 2, holder: B } }
  const found: (StoredClaim | null)[] = [carried, theirs, null]
  const asked: StoredClaim[] = []
  const witness = {
    renew: () => new Promise(() => undefined),
    remove: (seen: StoredClaim) => {
      asked.push(seen)
      return Promise.resolve({ stored: false, why: 'revision', current: found.shift(), leaseLeftMs: 0 })
    },
  }
  const nothing = (): void => undefined
  const holding = new Holding(
    { host: A } as unknown as WorkerSpec,
    { clock, bootClock: clock, witness, timers: { pause: () => Promise.resolve() } } as unknown as WorkerParts,
    { changing: nothing, lease: nothing, guests: nothing, claimed: nothing, memory: nothing, lost: nothing },
  )
  holding.hold(first, 1000)
  await holding.leave(nothing)
  expect(asked).toEqual([first, carried, first])
})

import { type Claim, NOT_STORED } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Holder } from '../../../lib/core/membership/holder'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
const claim: Claim = {
  vm: vmUuid('eeeeeeee-0000-4000-8000-000000000001'),
  ...{ term: 3, holder: A, leaseMs: 1500, upToDate: { [DISK]: [A, B] }, lockstep: null },
}
/** As a worker begins in the middle of a switch of witnesses. */
function begun(): Holder {
  const holder = new Holder(A, { revision: NOT_STORED, claim }, null)
  expect(holder.apply({ on: 'tick', nowMs: 1000 })).toEqual([{ do: 'renew' }, { do: 'read' }])
  return holder
}

test('a claim that is being carried is held by the promise of the peer, and whom it lists is not known until it is read', () => {
  const holder = begun()
  expect(holder.apply({ on: 'peer-promise', host: B, askedAtMs: 1001 })).toContainEqual({ do: 'lease', valid: true })
  expect(holder.apply({ on: 'unknown' })).toEqual([{ do: 'read' }])
  expect(holder.changing).toBe(true)
  expect(holder.apply({ on: 'stored', stored: { revision: 9, claim } })).toEqual([{ do: 'claimed', volume: DISK, hosts: [A, B] }])
  expect(holder.changing).toBe(false)
  expect(holder.leaseValid).toBe(true)
})

test('what the mirrors want meanwhile is asked for when it was read', () => {
  const holder = begun()
  expect(holder.apply({ on: 'want', volume: DISK, hosts: [A] })).toEqual([])
  expect(holder.apply({ on: 'hand-over', to: B })).toEqual([{ do: 'not-handed-over', rule: 'change-under-way' }])
  expect(holder.apply({ on: 'stored', stored: { revision: 9, claim } })).toContainEqual({
    ...{ do: 'swap', expected: 9 },
    next: { ...claim, upToDate: { [DISK]: [A] } },
  })
})

import type { Claim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Holder } from '../../../lib/core/membership/holder'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const claimOf = (hosts: Claim['upToDate'][keyof Claim['upToDate']]): Claim => ({
  vm: vmUuid('eeeeeeee-0000-4000-8000-000000000001'),
  ...{ term: 3, holder: A, leaseMs: 1500, lockstep: null },
  upToDate: { [volumeKey('dddddddd-0000-4000-8000-000000000004')]: hosts },
})
const held = (claim: Claim): Holder => {
  const holder = new Holder(A, { revision: 8, claim }, 1000)
  holder.apply({ on: 'tick', nowMs: 1001 })
  return holder
}

test('a machine that was suspended has no lease until something is confirmed that was asked for afterwards', () => {
  const holder = held(claimOf([A, B]))
  expect(holder.leaseValid).toBe(true)
  expect(holder.apply({ on: 'woke', nowMs: 1100 })).toEqual([
    { do: 'guests', mayRun: false },
    { do: 'lease', valid: false },
  ])
  holder.apply({ on: 'renewed', askedAtMs: 1001 })
  expect(holder.apply({ on: 'peer-promise', host: B, askedAtMs: 1099 })).toEqual([])
  expect(holder.leaseValid).toBe(false)
  expect(holder.apply({ on: 'peer-promise', host: B, askedAtMs: 1101 })).toEqual([
    { do: 'lease', valid: true },
    { do: 'guests', mayRun: true },
  ])
})

test('one whose claim nobody else may take needs none', () => {
  const holder = held(claimOf([A]))
  holder.apply({ on: 'woke', nowMs: 1100 })
  expect(holder.leaseValid).toBe(true)
})

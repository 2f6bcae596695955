import type { Claim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Holder, type HolderEffect } from '../../../lib/core/membership/holder'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const C = hostUuid('cccccccc-0000-4000-8000-000000000003')
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
const claim: Claim = {
  vm: vmUuid('eeeeeeee-0000-4000-8000-000000000001'),
  ...{ term: 3, holder: A, leaseMs: 1500, upToDate: { [DISK]: [A, B] }, lockstep: null },
}
const given: Claim = { ...claim, term: 4, holder: B }

/** A holder whose lease is valid. */
function holding(changes: Partial<Claim> = {}): Holder {
  const holder = new Holder(A, { revision: 8, claim: { ...claim, ...changes } }, 0)
  expect(holder.apply({ on: 'tick', nowMs: 1 })).toContainEqual({ do: 'lease', valid: true })
  return holder
}
const GIVE: readonly HolderEffect[] = [
  { do: 'guests', mayRun: false },
  { do: 'lease', valid: false },
  { do: 'swap', expected: 8, next: given },
]

test('nothing may be answered before the swap leaves; with its answer the holder is spent', () => {
  const holder = holding()
  expect(holder.apply({ on: 'hand-over', to: B })).toEqual(GIVE)
  expect(holder.leaseUntilMs).toBe(Number.NEGATIVE_INFINITY)
  expect(holder.apply({ on: 'swapped', revision: 9 })).toEqual([{ do: 'spent', stored: { revision: 9, claim: given } }])
  expect(holder.leaseValid).toBe(false)
})

test('neither a renewal nor a promise makes the lease valid while it is under way', () => {
  const holder = holding()
  holder.apply({ on: 'hand-over', to: B })
  for (const event of [
    { on: 'renewed', askedAtMs: 5 },
    { on: 'peer-promise', host: B, askedAtMs: 6 },
    { on: 'tick', nowMs: 7 },
  ] as const)
    expect(holder.apply(event)).toEqual([])
  expect(holder.leaseValid).toBe(false)
})

test.each([
  ['a renewal that is refused tells first', { on: 'renewal-refused', stored: { revision: 9, claim: given } }],
  ['a read after a lost answer tells', { on: 'stored', stored: { revision: 9, claim: given } }],
  ['a third host that was faster ends it as well', { on: 'stored', stored: { revision: 9, claim: { ...given, holder: C } } }],
] as const)('%s', (_, event) => {
  const holder = holding()
  holder.apply({ on: 'hand-over', to: B })
  if (event.on === 'stored') expect(holder.apply({ on: 'unknown' })).toEqual([{ do: 'read' }])
  expect(holder.apply(event)).toEqual([{ do: 'spent', stored: event.stored }])
})

test('a swap that was lost on its way leaves the claim here, and the lease goes on where it still runs', () => {
  const holder = holding()
  holder.apply({ on: 'hand-over', to: B })
  holder.apply({ on: 'unknown' })
  const back = holder.apply({ on: 'stored', stored: { revision: 8, claim } })
  expect(back).toEqual([
    { do: 'not-handed-over', rule: 'swap-refused' },
    { do: 'claimed', volume: DISK, hosts: [A, B] },
    { do: 'lease', valid: true },
    { do: 'guests', mayRun: true },
  ])
  expect(holder.apply({ on: 'hand-over', to: B })).toEqual(GIVE)
})

test('what the mirrors want meanwhile is asked for when the claim stays', () => {
  const holder = holding()
  holder.apply({ on: 'hand-over', to: B })
  expect(holder.apply({ on: 'want', volume: DISK, hosts: [A] })).toEqual([])
  holder.apply({ on: 'unknown' })
  expect(holder.apply({ on: 'stored', stored: { revision: 8, claim } })).toContainEqual({
    ...{ do: 'swap', expected: 8 },
    next: { ...claim, upToDate: { [DISK]: [A] } },
  })
})

test('a change of the claim that is under way comes first', () => {
  const holder = holding()
  holder.apply({ on: 'want', volume: DISK, hosts: [A] })
  expect(holder.apply({ on: 'hand-over', to: B })).toEqual([{ do: 'not-handed-over', rule: 'change-under-way' }])
  expect(holder.leaseValid).toBe(true)
})

test('a host that lacks writes gets nothing', () => {
  const other = volumeKey('dddddddd-0000-4000-8000-000000000005')
  const holder = holding({ upToDate: { [DISK]: [A, B], [other]: [A] } })
  expect(holder.apply({ on: 'hand-over', to: B })).toEqual([{ do: 'not-handed-over', rule: 'not-up-to-date' }])
  expect(holder.leaseValid).toBe(true)
})

test('asked twice it is given once', () => {
  const holder = holding()
  holder.apply({ on: 'hand-over', to: B })
  expect(holder.apply({ on: 'hand-over', to: B })).toEqual([{ do: 'not-handed-over', rule: 'change-under-way' }])
})

test('a run of lockstep ends first: until then the other host has the writes of complete epochs alone', () => {
  const holder = holding({ lockstep: { secondary: B, run: 7 } })
  expect(holder.apply({ on: 'hand-over', to: B })).toEqual([{ do: 'not-handed-over', rule: 'change-under-way' }])
  expect(holder.leaseValid).toBe(true)
})

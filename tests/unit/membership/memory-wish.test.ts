import type { Claim } from '../../../lib/core/domain/claim'
import type { ClaimedMemory } from '../../../lib/core/domain/guest-memory'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Holder, type HolderEffect } from '../../../lib/core/membership/holder'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
const BOTH: Claim = {
  vm: vmUuid('eeeeeeee-0000-4000-8000-000000000001'),
  ...{ term: 3, holder: A, leaseMs: 1500, upToDate: { [DISK]: [A, B] }, lockstep: null },
}
const KEPT = { ...BOTH, lockstep: { secondary: B, run: 7 } }
const ALONE = { ...BOTH, upToDate: { [DISK]: [A] } }

const wish = (memory: ClaimedMemory, run = 7) => ({ on: 'memory', wish: { memory, run, secondary: B } }) as const

/** Of revision 8. */
function holding(claim: Claim): Holder {
  const holder = new Holder(A, { revision: 8, claim }, 0)
  holder.apply({ on: 'tick', nowMs: 1 })
  return holder
}

const swaps = (effects: readonly HolderEffect[]): unknown[] =>
  effects.flatMap((effect) => (effect.do === 'swap' ? [[effect.expected, effect.next]] : []))
const told = (effects: readonly HolderEffect[]): string[] =>
  effects.flatMap((effect) => (effect.do === 'memory' ? [effect.wish.memory] : []))

test('a run is stored with the host that has its memory, and told when it is', () => {
  const holder = holding(BOTH)
  expect(swaps(holder.apply(wish('lockstep')))).toEqual([[8, KEPT]])
  expect(told(holder.apply({ on: 'swapped', revision: 9 }))).toEqual(['lockstep'])
  expect(swaps(holder.apply({ on: 'tick', nowMs: 2 }))).toEqual([])
})

test('that no memory counts is stored anew although nothing differs: an earlier change may be on its way', () => {
  const holder = holding(BOTH)
  expect(swaps(holder.apply(wish('none')))).toEqual([[8, BOTH]])
  expect(told(holder.apply({ on: 'swapped', revision: 9 }))).toEqual(['none'])
})

test('to be alone waits until the mirror has the other one unlisted, and goes with that', () => {
  const holder = holding(KEPT)
  expect(swaps(holder.apply(wish('alone')))).toEqual([])
  expect(swaps(holder.apply({ on: 'want', volume: DISK, hosts: [A] }))).toEqual([[8, ALONE]])
  expect(told(holder.apply({ on: 'swapped', revision: 9 }))).toEqual(['alone'])
})

test('the latest wish counts, also while an earlier one is on its way', () => {
  const holder = holding(BOTH)
  holder.apply(wish('lockstep'))
  expect(holder.apply(wish('none'))).toEqual([])
  const next = holder.apply({ on: 'swapped', revision: 9 })
  expect([told(next), swaps(next)]).toEqual([[], [[9, BOTH]]])
  expect(told(holder.apply({ on: 'swapped', revision: 10 }))).toEqual(['none'])
})

test.each([
  ['was stored', KEPT, ['lockstep'], []],
  ['was not', BOTH, [], [[9, KEPT]]],
] as const)('an answer that was lost is read again: it %s', (_, claim, tells, asks) => {
  const holder = holding(BOTH)
  holder.apply(wish('lockstep'))
  expect(holder.apply({ on: 'unknown' })).toEqual([{ do: 'read' }])
  const effects = holder.apply({ on: 'stored', stored: { revision: 9, claim } })
  expect([told(effects), swaps(effects)]).toEqual([tells, asks])
})

test('what was read with the revision of before the wish does not fulfil it', () => {
  const holder = holding(BOTH)
  holder.apply(wish('none'))
  holder.apply({ on: 'unknown' })
  const effects = holder.apply({ on: 'stored', stored: { revision: 8, claim: BOTH } })
  expect([told(effects), swaps(effects)]).toEqual([[], [[8, BOTH]]])
})

test('a run of another number, or of another host, is another one', () => {
  const holder = holding(KEPT)
  expect(swaps(holder.apply(wish('lockstep', 9)))).toEqual([[8, { ...BOTH, lockstep: { secondary: B, run: 9 } }]])
  expect(told(holder.apply({ on: 'stored', stored: { revision: 9, claim: KEPT } }))).toEqual([])
})

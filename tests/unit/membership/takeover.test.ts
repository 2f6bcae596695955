import type { Claim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { type TakeoverFacts, takeoverVerdict } from '../../../lib/core/membership/takeover'

const ME = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const HOLDER = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const ONE = volumeKey('dddddddd-0000-4000-8000-000000000001')
const TWO = volumeKey('dddddddd-0000-4000-8000-000000000002')

const truths = [false, true]
const claims: (Claim | null)[] = [null]
for (const holder of [ME, HOLDER])
  for (const first of [[HOLDER], [HOLDER, ME]])
    for (const second of [[ME], [HOLDER]])
      for (const secondary of [null, ME, HOLDER])
        claims.push({
          vm: vmUuid('eeeeeeee-0000-4000-8000-000000000001'),
          ...{ term: 3, holder, leaseMs: 1500 },
          upToDate: { [ONE]: first, [TWO]: second },
          lockstep: secondary === null ? null : { secondary, run: 9 },
        })
const leases: TakeoverFacts['lease'][] = [
  { kind: 'unasked' },
  { kind: 'silent' },
  { kind: 'left', leftMs: 0 },
  { kind: 'left', leftMs: 1 },
  { kind: 'left', leftMs: 900 },
]

const memories: TakeoverFacts['memory'][] = [null, 'load', 'restart', 'cannot']

const all: TakeoverFacts[] = []
for (const claim of claims)
  for (const holderSuspected of truths)
    for (const holderFenced of truths)
      for (const promiseLeftMs of [0, 700])
        for (const lease of leases)
          for (const lossAccepted of truths)
            for (const memory of memories)
              all.push({ me: ME, claim, holderSuspected, holderFenced, lossAccepted, promiseLeftMs, lease, memory })

/** Of the run that the claim names, on this host: `none` where it names none, or another host, or nobody knows of it here. */
const memoryAt = ({ claim, me, memory }: TakeoverFacts): string =>
  claim?.lockstep?.secondary === me && memory !== null ? memory : 'none'

/** Every reason against, without regard to order. */
function objections(facts: TakeoverFacts): string[] {
  const { claim, me, holderSuspected, holderFenced, lossAccepted, promiseLeftMs, lease } = facts
  if (claim === null) return ['no-claim']
  const against: string[] = []
  if (claim.lockstep !== null && !['load', 'restart'].includes(memoryAt(facts)) && !(lossAccepted && holderFenced))
    against.push('memory-not-here')
  if (claim.holder === me) against.push('holder-is-me')
  for (const hosts of Object.values(claim.upToDate))
    if (!hosts.includes(me) && !(lossAccepted && holderFenced)) against.push('not-up-to-date')
  if (holderFenced) return against
  if (!holderSuspected) against.push('holder-alive')
  if (promiseLeftMs > 0 && memoryAt(facts) !== 'load') against.push('promise-current')
  if (lease.kind === 'silent') against.push('witness-silent')
  if (lease.kind === 'left' && lease.leftMs > 0) against.push('lease-current')
  return against
}

test(`all ${all.length} combinations: taken exactly when nothing speaks against it, else a true reason is named`, () => {
  const rules = new Map<string, number>()
  for (const facts of all) {
    const verdict = takeoverVerdict(facts)
    const against = objections(facts)
    rules.set(verdict.rule, (rules.get(verdict.rule) ?? 0) + 1)
    if (verdict.verdict === 'take') expect({ facts, against }).toEqual({ facts, against: [] })
    else expect({ facts, against }).toEqual({ facts, against: expect.arrayContaining([verdict.rule]) as unknown })
  }
  expect(Object.fromEntries(rules)).toEqual({
    ...{ 'no-claim': 320, 'holder-is-me': 3840, 'not-up-to-date': 2160, 'memory-not-here': 360, 'loss-accepted': 840 },
    ...{ 'holder-alive': 120, 'holder-fenced': 240, 'lockstep-secondary': 8, 'promise-current': 50 },
    ...{ 'witness-silent': 14, 'lease-current': 28, 'take-over': 20 },
  })
})

test('only a fenced holder excuses the witness from looking at the lease', () => {
  for (const facts of all) {
    const verdict = takeoverVerdict(facts)
    if (verdict.verdict === 'take' && !verdict.requireLeaseOver) expect(facts.holderFenced).toBe(true)
  }
})

test('the run is shown exactly where its memory can be loaded here, and the holder may be alive', () => {
  for (const facts of all) {
    const verdict = takeoverVerdict(facts)
    if (verdict.verdict !== 'take') continue
    expect(verdict.with).toBe(memoryAt(facts) === 'load' && !facts.holderFenced ? 9 : undefined)
  }
})

test('a named memory that is not here is given up by an operator alone', () => {
  for (const facts of all) {
    const isLost = facts.claim?.lockstep != null && !['load', 'restart'].includes(memoryAt(facts))
    if (isLost && takeoverVerdict(facts).verdict === 'take')
      expect([facts.lossAccepted, facts.holderFenced]).toEqual([true, true])
  }
})

test('a verdict to wait says for how long, and waiting is only for what ends by itself', () => {
  for (const facts of all) {
    const verdict = takeoverVerdict(facts)
    if (verdict.verdict !== 'wait') continue
    expect(verdict.waitMs).toBeGreaterThan(0)
    const later = takeoverVerdict({ ...facts, promiseLeftMs: 0, lease: { kind: 'left', leftMs: 0 } })
    const isLoad = memoryAt(facts) === 'load'
    expect(later).toEqual({
      ...{ verdict: 'take', requireLeaseOver: true },
      ...(isLoad ? { rule: 'lockstep-secondary', with: 9 } : { rule: 'take-over' }),
    })
  }
})

test('a loss is accepted only of a fenced holder, and only where there is one', () => {
  for (const facts of all) {
    if (takeoverVerdict(facts).rule !== 'loss-accepted') continue
    expect([facts.holderFenced, facts.lossAccepted]).toEqual([true, true])
    const isListed = Object.values(facts.claim?.upToDate ?? {}).every((hosts) => hosts.includes(ME))
    expect(isListed && (facts.claim?.lockstep === null || ['load', 'restart'].includes(memoryAt(facts)))).toBe(false)
  }
})

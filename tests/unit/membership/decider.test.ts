import type { Claim } from '../../../lib/core/domain/claim'
import type { DeciderNote } from '../../../lib/core/domain/decider-note'
import { hostUuid, type HostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Decider, type DeciderEffect } from '../../../lib/core/membership/decider'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const C = hostUuid('cccccccc-0000-4000-8000-000000000003')
const claimOf = (term: number, hosts: readonly HostUuid[], holder: HostUuid = A): Claim => ({
  ...{ vm: vmUuid('eeeeeeee-0000-4000-8000-000000000001'), term, holder, leaseMs: 1500, lockstep: null },
  upToDate: { [volumeKey('dddddddd-0000-4000-8000-000000000004')]: hosts },
})
const CLAIM = claimOf(3, [A, B])
const OLD: DeciderNote = { generation: 4, by: 'p', pending: null }
const PENDING: DeciderNote = { generation: 5, by: 'q', pending: CLAIM }
const NEXT = { generation: 5, by: 'q' }
const DECIDED: DeciderNote = { ...NEXT, pending: null }
const CARRY: DeciderEffect = { do: 'carry', decision: NEXT, claim: CLAIM }
const PROMISE: DeciderEffect = { do: 'promise', generation: 5, term: 3 }
const NOTED = { on: 'noted' } as const
const told = (rule: Extract<DeciderEffect, { do: 'told' }>['rule'], decision = NEXT): DeciderEffect => ({
  do: 'told',
  rule,
  decision,
})

describe('the holder switches', () => {
  const begun = (claim = CLAIM): Decider => {
    const holder = new Decider(A, OLD)
    const note = { ...NEXT, pending: claim }
    expect(holder.apply({ on: 'switch', to: 'q', stored: claim })).toEqual([{ do: 'note', note }])
    return holder
  }

  test('note, ask, carry, note; from the first on nobody is asked for anything else', () => {
    const holder = begun()
    expect(holder.witness).toBeNull()
    expect(holder.apply(NOTED)).toEqual([told('switch-begun'), { do: 'ask-peers', note: PENDING }])
    expect(holder.apply({ on: 'promised', host: B, generation: 5, term: 3 })).toEqual([CARRY])
    expect(holder.witness).toBeNull()
    expect(holder.apply({ on: 'has', decision: NEXT, claim: CLAIM })).toEqual([{ do: 'note', note: DECIDED }])
    expect(holder.witness).toBeNull()
    expect(holder.apply(NOTED)).toEqual([told('switch-decided')])
    expect(holder.witness).toBe('q')
  })

  test('alone in the claim it asks nobody', () => {
    const alone = claimOf(3, [A])
    expect(begun(alone).apply(NOTED)).toContainEqual({ do: 'carry', decision: NEXT, claim: alone })
  })

  test('every host of the claim has to promise that very claim', () => {
    const claim = claimOf(3, [A, B, C])
    const holder = begun(claim)
    holder.apply(NOTED)
    for (const promised of [
      { host: B, generation: 5, term: 3 },
      { host: B, generation: 5, term: 3 },
      { host: C, generation: 4, term: 3 },
      { host: C, generation: 5, term: 2 },
    ])
      expect(holder.apply({ on: 'promised', ...promised })).toEqual([])
    expect(holder.apply({ on: 'promised', host: C, generation: 5, term: 3 })).toEqual([{ do: 'carry', decision: NEXT, claim }])
  })

  test('a carry without an answer is asked for again, with the same claim', () => {
    const holder = begun()
    holder.apply(NOTED)
    holder.apply({ on: 'promised', host: B, generation: 5, term: 3 })
    expect(holder.apply({ on: 'promised', host: B, generation: 5, term: 3 })).toEqual([])
    holder.apply({ on: 'no-answer' })
    expect(holder.apply({ on: 'promised', host: B, generation: 5, term: 3 })).toEqual([CARRY])
  })

  test('one that cannot be finished is replaced by the next generation', () => {
    const holder = begun()
    holder.apply(NOTED)
    const note = { generation: 6, by: 'p', pending: CLAIM }
    expect(holder.apply({ on: 'switch', to: 'p', stored: CLAIM })).toEqual([{ do: 'note', note }])
    holder.apply(NOTED)
    expect(holder.apply({ on: 'promised', host: B, generation: 5, term: 3 })).toEqual([])
    expect(holder.apply({ on: 'promised', host: B, generation: 6, term: 3 })).toEqual([
      { do: 'carry', decision: { generation: 6, by: 'p' }, claim: CLAIM },
    ])
  })

  test('a peer that was faster has taken the claim there', () => {
    const holder = begun()
    holder.apply(NOTED)
    holder.apply({ on: 'promised', host: B, generation: 5, term: 3 })
    expect(holder.apply({ on: 'has', decision: NEXT, claim: claimOf(4, [B], B) })).toEqual([{ do: 'note', note: DECIDED }])
    expect(holder.apply(NOTED)).toEqual([told('switch-overtaken')])
  })
})

/** Who died where, and what the others do then. */
describe('the holder dies', () => {
  test('after its own note: the peer never heard of it, and its word at the return takes the note back', () => {
    const holder = new Decider(A, PENDING)
    expect(holder.witness).toBeNull()
    const before = { generation: 4, by: 'p' }
    expect(holder.apply({ on: 'word', decision: before, term: 3 })).toEqual([])
    expect(holder.apply({ on: 'word', decision: before, term: 4 })).toEqual([
      { do: 'forget-requests' },
      { do: 'note', note: OLD },
    ])
    expect(holder.apply(NOTED)).toEqual([told('switch-void', before)])
    expect(holder.witness).toBe('p')
  })

  test("after the peer's note: the peer carries the same claim, and goes on from there", () => {
    const peer = new Decider(B, OLD)
    expect(peer.apply({ on: 'asked', note: PENDING, term: 3 })).toEqual([
      { do: 'forget-requests' },
      { do: 'note', note: PENDING },
    ])
    expect(peer.apply(NOTED)).toEqual([PROMISE])
    expect(peer.witness).toBeNull()
    expect(peer.apply({ on: 'finish', noted: [] })).toEqual([CARRY])
    peer.apply({ on: 'has', decision: NEXT, claim: CLAIM })
    expect(peer.apply(NOTED)).toEqual([told('switch-decided')])
    expect(peer.witness).toBe('q')
  })

  test('of three hosts one has to know that the third has noted it as well', () => {
    const claim = claimOf(3, [A, B, C])
    const peer = new Decider(B, { ...NEXT, pending: claim })
    expect(peer.apply({ on: 'finish', noted: [] })).toEqual([])
    expect(peer.apply({ on: 'finish', noted: [C] })).toEqual([{ do: 'carry', decision: NEXT, claim }])
  })

  test('while it carried, and was carried for: the later one finds what is there', () => {
    const holder = new Decider(A, PENDING)
    expect(holder.apply({ on: 'finish', noted: [B] })).toEqual([CARRY])
    holder.apply({ on: 'has', decision: NEXT, claim: claimOf(4, [B], B) })
    expect(holder.apply(NOTED)).toEqual([told('switch-overtaken')])
  })
})

describe('a listed host that is asked to note', () => {
  test('promises the same again', () => {
    expect(new Decider(B, PENDING).apply({ on: 'asked', note: PENDING, term: 3 })).toEqual([PROMISE])
  })
  test('promises what it knows to be decided: the holder finds that where it carries the claim to', () => {
    expect(new Decider(B, DECIDED).apply({ on: 'asked', note: PENDING, term: 3 })).toEqual([PROMISE])
    expect(new Decider(B, DECIDED).apply({ on: 'asked', note: PENDING, term: 4 })).toEqual([{ do: 'refuse', rule: 'old-term' }])
  })
  test.each<[string, DeciderNote, number, 'old-generation' | 'old-term']>([
    ['an earlier generation', { ...DECIDED, generation: 6 }, 3, 'old-generation'],
    ['a term that it has seen the end of', OLD, 4, 'old-term'],
    ['a spent claim of the same generation', { ...PENDING, pending: claimOf(4, [B], B) }, 3, 'old-term'],
  ])('refuses %s', (_, note, term, rule) => {
    expect(new Decider(B, note).apply({ on: 'asked', note: PENDING, term })).toEqual([{ do: 'refuse', rule }])
  })
  test('hears from the holder that it is decided', () => {
    const peer = new Decider(B, PENDING)
    peer.apply({ on: 'word', decision: NEXT, term: 3 })
    expect(peer.note).toEqual(DECIDED)
    expect(peer.apply(NOTED)).toEqual([told('switch-decided')])
  })
})

test('a host that joins notes what its holder acts under, and nothing older', () => {
  const joining = new Decider(C, OLD)
  expect(joining.apply({ on: 'word', decision: NEXT, term: 3 })).toContainEqual({ do: 'note', note: DECIDED })
  joining.apply(NOTED)
  expect(joining.apply({ on: 'word', decision: { generation: 4, by: 'p' }, term: 9 })).toEqual([])
})

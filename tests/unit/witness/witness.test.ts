import type { Claim } from '../../../lib/core/domain/claim'
import type { ClaimAnswer, ClaimRequest } from '../../../lib/core/domain/claim-request'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { leaseOverAfterMs } from '../../../lib/core/domain/lease'
import { Witness, type WitnessEffect } from '../../../lib/core/witness/witness'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const C = hostUuid('cccccccc-0000-4000-8000-000000000003')
const vm = (nth: number) => vmUuid(`eeeeeeee-0000-4000-8000-${String(nth).padStart(12, '0')}`)
const POOL = 'pool'
const claim = (changes: Partial<Claim> = {}): Claim => ({
  vm: vm(1),
  term: 1,
  holder: A,
  leaseMs: 1000,
  upToDate: { [volumeKey('dddddddd-0000-4000-8000-000000000001')]: [A, B] },
  lockstep: null,
  ...changes,
})
const LEASE = leaseOverAfterMs(1000)

let witness: Witness
let asked = 0
beforeEach(() => (witness = new Witness({ claims: 3, claimsPerPool: 2 })))

const request = (request: ClaimRequest, nowMs = 0, pool = POOL): WitnessEffect[] =>
  witness.apply({ type: 'request', from: ++asked, pool, request, nowMs })
const cas = (expected: number, next: Claim, requireLeaseOver = false, run?: number): ClaimRequest => ({
  ...{ op: 'cas', expected, next, requireLeaseOver, with: run },
})
const written = (effects: WitnessEffect[]): number => {
  const [only] = effects
  if (effects.length !== 1 || only?.type !== 'persist') throw new Error(`not one record: ${JSON.stringify(effects)}`)
  return only.record.revision
}
const answers = (effects: WitnessEffect[]): ClaimAnswer[] =>
  effects.map((effect) => {
    if (effect.type !== 'answer') throw new Error(`not an answer: ${JSON.stringify(effect)}`)
    return effect.answer
  })
const persisted = (revision: number, nowMs = 0) => witness.apply({ type: 'persisted', revision, nowMs })
const store = (next: Claim, expected = 0, nowMs = 0, pool = POOL): number => {
  const revision = written(request(cas(expected, next), nowMs, pool))
  expect(answers(persisted(revision, nowMs))).toEqual([{ op: 'stored', revision }])
  return revision
}

describe('a change under way', () => {
  test('is answered when it is durable and not before', () => {
    const revision = written(request(cas(0, claim())))
    expect(answers(persisted(revision))).toEqual([{ op: 'stored', revision }])
  })
  test('holds up whoever asks about the same claim, in order, and nobody else', () => {
    store(claim({ vm: vm(2) }))
    const revision = written(request(cas(0, claim())))
    expect(request({ op: 'read', vm: vm(1) })).toEqual([])
    expect(request(cas(0, claim({ leaseMs: 2000 })))).toEqual([])
    expect(answers(request({ op: 'renew', vm: vm(2), term: 1, holder: A }))).toEqual([{ op: 'renewed' }])
    expect(answers(request({ op: 'read', vm: vm(1) }, 0, 'another pool'))).toEqual([{ op: 'read', found: null }])
    const found = { revision, claim: claim() }
    expect(answers(persisted(revision))).toEqual([
      { op: 'stored', revision },
      { op: 'read', found },
      { op: 'refused', by: 'revision', current: found, leaseLeftMs: LEASE },
    ])
  })
  test('of the holder leaves no moment in which the old one can renew', () => {
    const first = store(claim())
    const taking = written(request(cas(first, claim({ holder: B, term: 2 }), true), LEASE))
    expect(request({ op: 'renew', vm: vm(1), term: 1, holder: A }, LEASE)).toEqual([])
    const current = { revision: taking, claim: claim({ holder: B, term: 2 }) }
    expect(answers(persisted(taking, LEASE + 5))).toEqual([
      { op: 'stored', revision: taking },
      { op: 'not-renewed', current },
    ])
  })
  test('that finds the disk full is refused, and the claim stays as it was', () => {
    const first = store(claim())
    const refused = written(request(cas(first, claim({ leaseMs: 2000 })), 10))
    const current = { revision: first, claim: claim() }
    expect(answers(witness.apply({ type: 'not-persisted', revision: refused, nowMs: 10 }))).toEqual([
      { op: 'refused', by: 'full', current, leaseLeftMs: LEASE - 10 },
    ])
    expect(answers(request({ op: 'read', vm: vm(1) }))).toEqual([{ op: 'read', found: current }])
    expect(store(claim({ leaseMs: 2000 }), first)).toBeGreaterThan(refused)
  })
})

describe('the lease', () => {
  test.each([
    [0, LEASE],
    [LEASE - 1, 1],
  ])('refuses a taker %i ms after the holder was heard: %i ms left', (nowMs, leaseLeftMs) => {
    const first = store(claim())
    const current = { revision: first, claim: claim() }
    expect(answers(request(cas(first, claim({ holder: B, term: 2 }), true), nowMs))).toEqual([
      { op: 'refused', by: 'lease', current, leaseLeftMs },
    ])
  })
  test('is over exactly leaseOverAfterMs after the holder was heard', () => {
    const first = store(claim())
    written(request(cas(first, claim({ holder: B, term: 2 }), true), LEASE))
  })
  test('starts anew with a renewal, and with a change that the holder made', () => {
    const first = store(claim())
    request({ op: 'renew', vm: vm(1), term: 1, holder: A }, 700)
    expect(answers(request(cas(first, claim({ holder: B, term: 2 }), true), LEASE))[0]).toMatchObject({ leaseLeftMs: 700 })
    const second = store(claim({ upToDate: claim().upToDate, lockstep: { secondary: B, run: 1 } }), first, 1500)
    expect(answers(request(cas(second, claim({ holder: B, term: 2 }), true), 1500))[0]).toMatchObject({ leaseLeftMs: LEASE })
  })
  test('made shorter by its holder still runs to its former end', () => {
    const first = store(claim())
    const second = store(claim({ leaseMs: 100 }), first, 10)
    expect(answers(request(cas(second, claim({ holder: B, term: 2 }), true), LEASE - 1))[0]).toMatchObject({ leaseLeftMs: 1 })
  })
  test.each<[string, Claim['lockstep'], Claim['holder'], number | undefined, boolean]>([
    ['the secondary that shows the run takes at once', { secondary: B, run: 7 }, B, 7, true],
    ['another run is none', { secondary: B, run: 7 }, B, 8, false],
    ['no run is shown', { secondary: B, run: 7 }, B, undefined, false],
    ['another host than the secondary', { secondary: C, run: 7 }, B, 7, false],
    ['the claim names no run', null, B, 7, false],
  ])('in lockstep: %s', (_name, lockstep, holder, run, isTaken) => {
    const first = store(claim({ lockstep }))
    const effects = request(cas(first, claim({ holder, term: 2 }), true, run), 1)
    if (isTaken) written(effects)
    else expect(answers(effects)[0]).toMatchObject({ op: 'refused', by: 'lease', leaseLeftMs: LEASE - 1 })
  })
  test('of everybody starts anew when the witness restarts', () => {
    const revision = store(claim())
    const restarted = new Witness()
    const records = [{ kind: 'stored', pool: POOL, revision, claim: claim() } as const]
    restarted.apply({ type: 'restarted', records, revision, nowMs: 900_000 })
    witness = restarted
    expect(answers(request(cas(revision, claim({ holder: B, term: 2 }), true), 900_000))[0]).toMatchObject({
      by: 'lease',
      leaseLeftMs: LEASE,
    })
  })
})

describe('bounds', () => {
  test('a pool, and a witness, have room for so many claims; changes need none', () => {
    const first = store(claim())
    store(claim({ vm: vm(2) }))
    const full = { op: 'refused', by: 'full', current: null, leaseLeftMs: 0 }
    expect(answers(request(cas(0, claim({ vm: vm(3) }))))).toEqual([full])
    store(claim(), 0, 0, 'second pool')
    expect(answers(request(cas(0, claim()), 0, 'third pool'))).toEqual([full])
    store(claim({ leaseMs: 2000 }), first)
  })
  test('claims being written take room too', () => {
    store(claim())
    written(request(cas(0, claim({ vm: vm(2) }))))
    expect(answers(request(cas(0, claim({ vm: vm(3) }))))[0]).toMatchObject({ by: 'full' })
  })
  test('a removed claim gives its room back, and no revision comes twice', () => {
    const first = store(claim())
    store(claim({ vm: vm(2) }))
    const removal = written(request({ op: 'remove', vm: vm(1), expected: first }))
    persisted(removal)
    expect(store(claim())).toBeGreaterThan(removal)
  })
  test('what is not there is removed without a trace', () => {
    expect(answers(request({ op: 'remove', vm: vm(1), expected: 0 }))).toEqual([{ op: 'stored', revision: 0 }])
  })
})

describe('a claim that its holder hands over', () => {
  const given = claim({ holder: B, term: 2 })
  test('moves at once under a running lease, and the new holder has a whole one', () => {
    const first = store(claim(), 0, 0)
    expect(answers(request({ op: 'renew', vm: vm(1), term: 1, holder: A }, 500))).toEqual([{ op: 'renewed' }])
    const revision = store(given, first, 600)
    const current = { revision, claim: given }
    expect(answers(request({ op: 'renew', vm: vm(1), term: 1, holder: A }, 601))).toEqual([{ op: 'not-renewed', current }])
    const taking = cas(revision, claim({ holder: A, term: 3 }), true)
    expect(answers(request(taking, 601))).toEqual([{ op: 'refused', by: 'lease', current, leaseLeftMs: LEASE - 1 }])
    expect(written(request(taking, 600 + LEASE))).toBeGreaterThan(revision)
  })
  test('goes only to a host that has every write, with the next term', () => {
    const alone = claim({ upToDate: { [volumeKey('dddddddd-0000-4000-8000-000000000001')]: [A] } })
    const first = store(alone)
    expect(answers(request(cas(first, { ...alone, holder: B, term: 2 })))).toEqual([{ op: 'invalid', rule: 'taker-up-to-date' }])
    expect(answers(request(cas(first, { ...alone, holder: B })))).toEqual([{ op: 'invalid', rule: 'term-grows-by-one' }])
  })
})

describe('a claim that is carried here from another witness', () => {
  const carried = (generation: number, changes: Partial<Claim> = {}): Claim =>
    claim({ ...changes, decided: { generation, by: 'here' } })
  const carry = (next: Claim): ClaimRequest => ({ op: 'carry', next })

  test('is stored where nothing is, with a whole lease, and found by whoever carries it again', () => {
    const revision = written(request(carry(carried(1)), 0))
    const found = { revision, claim: carried(1) }
    expect(answers(persisted(revision, 10))).toEqual([{ op: 'carried', found }])
    expect(answers(request(carry(carried(1)), 20))).toEqual([{ op: 'carried', found }])
    const taking = cas(revision, carried(1, { holder: B, term: 2 }), true)
    expect(answers(request(taking, 20))).toEqual([{ op: 'refused', by: 'lease', current: found, leaseLeftMs: LEASE - 10 }])
  })
  test('takes the place of whatever an earlier generation left, of a higher term as well', () => {
    const old = store(claim({ term: 9, holder: B }))
    const revision = written(request(carry(carried(2))))
    expect(revision).toBeGreaterThan(old)
    expect(answers(persisted(revision))).toEqual([{ op: 'carried', found: { revision, claim: carried(2) } }])
    expect(answers(request(carry(carried(1, { term: 12 }))))).toEqual([{ op: 'carried', found: { revision, claim: carried(2) } }])
  })
  test('waits for a change under way, and is judged by what that left', () => {
    const first = written(request(carry(carried(2))))
    expect(request(carry(carried(1)))).toEqual([])
    const found = { revision: first, claim: carried(2) }
    expect(answers(persisted(first))).toEqual([
      { op: 'carried', found },
      { op: 'carried', found },
    ])
  })
  test('leaves things as they are when there is no room', () => {
    const small = new Witness({ claims: 0, claimsPerPool: 0 })
    const refused = small.apply({ type: 'request', from: 1, pool: POOL, request: carry(carried(1)), nowMs: 0 })
    expect(answers(refused)).toEqual([{ op: 'carried', found: null }])
    const old = store(claim())
    const revision = written(request(carry(carried(1))))
    expect(answers(witness.apply({ type: 'not-persisted', revision, nowMs: 0 }))).toEqual([
      { op: 'carried', found: { revision: old, claim: claim() } },
    ])
  })
  test('has a generation, and only so changes who decides', () => {
    expect(answers(request(carry(claim())))).toEqual([{ op: 'invalid', rule: 'generation-by-carry' }])
    const first = store(claim())
    expect(answers(request(cas(first, carried(1))))).toEqual([{ op: 'invalid', rule: 'generation-by-carry' }])
  })
})

test('lists are paged in order and never show another pool', () => {
  witness = new Witness()
  const order = Array.from({ length: 450 }, (_, index) => (index * 7) % 450)
  for (const nth of order) store(claim({ vm: vm(nth) }))
  store(claim(), 0, 0, 'another pool')
  const seen: string[] = []
  const pages: number[] = []
  for (let after: ReturnType<typeof vm> | null = null, more = true; more;) {
    const [page] = answers(request({ op: 'list', after }))
    if (page?.op !== 'listed') throw new Error('not a list')
    seen.push(...page.claims.map((summary) => summary.vm))
    pages.push(page.claims.length)
    more = page.more
    after = page.claims.at(-1)?.vm ?? null
  }
  expect(pages).toEqual([200, 200, 50])
  expect(seen).toEqual(order.map(vm).sort())
})

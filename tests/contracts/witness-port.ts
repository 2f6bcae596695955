import type { Claim, StoredClaim } from '../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../lib/core/domain/ids'
import { leaseOverAfterMs } from '../../lib/core/domain/lease'
import { type WitnessPort, WitnessUnreachable } from '../../lib/ports/witness'
import type { HeldRoad } from './held-road'

export const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
export const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
export const C = hostUuid('cccccccc-0000-4000-8000-000000000003')
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
let lastVm = 0
/** Every test has a VM of its own, so that one witness can serve a whole suite. */
export const freshVm = () => vmUuid(`eeeeeeee-0000-4000-8000-${String(++lastVm).padStart(12, '0')}`)

export const claimBy = (holder: Claim['holder'], changes: Partial<Claim> = {}): Claim => ({
  vm: freshVm(),
  term: 1,
  holder,
  leaseMs: 60_000,
  upToDate: { [DISK]: [A, B] },
  lockstep: null,
  ...changes,
})

/** Two ports of the same pool at the same witness. */
export interface WitnessUnderTest {
  readonly mine: WitnessPort
  readonly theirs: WitnessPort
  /** A third one, whose requests pass over `road` and are soon given up. */
  readonly far: WitnessPort
  readonly road: HeldRoad
}

/** What every back end of WitnessPort keeps. Uses the real clock: short leases are waited for, never measured. */
export function witnessPortContract(name: string, open: () => WitnessUnderTest): void {
  const stored = async (port: WitnessPort, expected: number, next: Claim): Promise<number> => {
    const answer = await port.compareAndSwap(expected, next)
    if (!answer.stored) throw new Error(`refused: ${answer.why}`)
    return answer.revision
  }

  describe(`${name} keeps the contract of a witness`, () => {
    test('a claim nobody stored is null', async () => {
      expect(await open().mine.read(freshVm())).toBeNull()
    })

    test('what one stored the other reads', async () => {
      const { mine, theirs } = open()
      const claim = claimBy(A, { lockstep: { secondary: B, run: 2 ** 48 - 1 } })
      const revision = await stored(mine, 0, claim)
      expect(revision).toBeGreaterThan(0)
      expect(await theirs.read(claim.vm)).toEqual({ revision, claim })
    })

    test('a compare-and-swap on an old revision is refused and shows the present claim', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A)
      const revision = await stored(mine, 0, first)
      for (const expected of [0, revision + 1]) {
        expect(await theirs.compareAndSwap(expected, { ...first, term: 2, holder: B })).toMatchObject({
          stored: false,
          why: 'revision',
          current: { revision, claim: first },
        })
      }
    })

    test('of many who race for a claim one wins, and all see the same winner', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A)
      const revision = await stored(mine, 0, first)
      const taking = { ...first, term: 2, holder: B }
      const answers = await Promise.all(
        [0, 1, 2, 3].flatMap((nth) => [
          mine.compareAndSwap(revision, { ...first, leaseMs: 70_000 + nth }),
          theirs.compareAndSwap(revision, { ...taking, leaseMs: 80_000 + nth }),
        ]),
      )
      const won = answers.filter((answer) => answer.stored)
      expect(won).toHaveLength(1)
      const now = await mine.read(first.vm)
      expect(now?.revision).toBe(won[0]?.stored === true ? won[0].revision : 'nobody won')
      for (const answer of answers) if (!answer.stored) expect(answer.current).toEqual(now)
    })

    test('a claim is not taken while its lease runs, and says how long it does', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A)
      const revision = await stored(mine, 0, first)
      const answer = await theirs.compareAndSwap(revision, { ...first, term: 2, holder: B }, { requireLeaseOver: true })
      expect(answer).toMatchObject({ stored: false, why: 'lease', current: { revision, claim: first } })
      if (answer.stored) throw new Error('taken under a running lease')
      expect(answer.leaseLeftMs).toBeGreaterThan(0)
      expect(answer.leaseLeftMs).toBeLessThanOrEqual(leaseOverAfterMs(first.leaseMs))
    })

    test('the secondary of a run that the claim names, and nobody else, takes it under a running lease', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A, { upToDate: { [DISK]: [A, B, C] }, lockstep: { secondary: B, run: 7 } })
      const revision = await stored(mine, 0, first)
      const ours = { ...first, term: 2, holder: B, lockstep: null }
      const lease = { stored: false, why: 'lease', current: { revision, claim: first } }
      for (const run of [undefined, 8])
        expect(await theirs.compareAndSwap(revision, ours, { requireLeaseOver: true, with: run })).toMatchObject(lease)
      const stranger = { ...ours, holder: C }
      expect(await theirs.compareAndSwap(revision, stranger, { requireLeaseOver: true, with: 7 })).toMatchObject(lease)
      const late = await theirs.compareAndSwap(revision + 1, ours, { requireLeaseOver: true, with: 7 })
      expect(late).toMatchObject({ stored: false, why: 'revision' })
      const taken = await theirs.compareAndSwap(revision, ours, { requireLeaseOver: true, with: 7 })
      expect(taken).toMatchObject({ stored: true })
      if (!taken.stored) throw new Error('not taken')
      expect(await mine.renew(first.vm, 1, A)).toEqual({ renewed: false, current: { revision: taken.revision, claim: ours } })
      const again = { ...first, term: 3 }
      expect(await mine.compareAndSwap(taken.revision, again, { requireLeaseOver: true, with: 7 })).toMatchObject({
        why: 'lease',
      })
    })

    test('a claim whose holder went silent can be taken, and the old holder is told', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A, { leaseMs: 100 })
      const revision = await stored(mine, 0, first)
      const second = { ...first, term: 2, holder: B, leaseMs: 60_000 }
      const taken = await takeWhenOver(theirs, revision, second)
      expect(await mine.renew(first.vm, 1, A)).toEqual({ renewed: false, current: { revision: taken, claim: second } })
      expect(await theirs.renew(first.vm, 2, B)).toEqual({ renewed: true })
    })

    test('a holder that renews keeps its claim for longer than a lease', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A, { leaseMs: 500 })
      const revision = await stored(mine, 0, first)
      const startedAt = performance.now()
      let renewedAt = startedAt
      while (renewedAt - startedAt < 2 * leaseOverAfterMs(first.leaseMs)) {
        renewedAt = performance.now()
        expect(await mine.renew(first.vm, 1, A)).toEqual({ renewed: true })
        const taking = await theirs.compareAndSwap(revision, { ...first, term: 2, holder: B }, { requireLeaseOver: true })
        if (!taking.stored) {
          expect(taking.why).toBe('lease')
          continue
        }
        // Only a machine that stood still for a lease excuses this.
        expect(performance.now() - renewedAt).toBeGreaterThanOrEqual(first.leaseMs)
        return
      }
    })

    test.each(['changed', 'removed'] as const)('what is read after a lost change is final: %s late', async (how) => {
      const { mine, far, road } = open()
      const first = claimBy(A)
      const revision = await stored(far, 0, first)
      road.hold()
      const late =
        how === 'changed' ? far.compareAndSwap(revision, { ...first, leaseMs: 70_000 }) : far.remove({ revision, claim: first })
      await expect(late).rejects.toThrow(WitnessUnreachable)
      const seen = await readWhenAnswered(far, first.vm)
      expect(seen).toEqual({ revision, claim: first })
      await road.release()
      expect(await mine.read(first.vm)).toEqual(seen)
    })

    test('only the holder in its own term renews', async () => {
      const { mine } = open()
      const first = claimBy(A)
      const revision = await stored(mine, 0, first)
      const refusal = { renewed: false, current: { revision, claim: first } }
      expect(await mine.renew(first.vm, 1, B)).toEqual(refusal)
      expect(await mine.renew(first.vm, 2, A)).toEqual(refusal)
      expect(await mine.renew(freshVm(), 1, A)).toEqual({ renewed: false, current: null })
    })

    test('without asking for the lease a claim moves at once', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A)
      await stored(theirs, await stored(mine, 0, first), { ...first, term: 2, holder: B })
      expect((await mine.read(first.vm))?.claim).toMatchObject({ term: 2, holder: B })
    })

    test('a removed claim is gone, and its revision never comes back', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A)
      const revision = await stored(mine, 0, first)
      expect(await theirs.remove({ revision: revision + 1, claim: first })).toMatchObject({ stored: false, why: 'revision' })
      expect(await theirs.remove({ revision, claim: first })).toMatchObject({ stored: true })
      expect(await mine.read(first.vm)).toBeNull()
      expect(await mine.compareAndSwap(revision, first)).toMatchObject({ stored: false, why: 'revision', current: null })
      expect(await stored(mine, 0, { ...first, term: 5 })).toBeGreaterThan(revision)
    })

    test('a claim that is carried in needs a higher generation than what is stored, whatever its term, and is told again', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A, { term: 7 })
      const old = await stored(mine, 0, first)
      const carried = { ...first, term: 3, holder: B, decided: { generation: 2, by: 'here' } }
      const now = await theirs.carry(carried)
      expect(now?.claim).toEqual(carried)
      expect(now?.revision).toBeGreaterThan(old)
      for (const generation of [1, 2]) {
        const late = { ...first, term: 9, decided: { generation, by: 'here' } }
        expect(await mine.carry(late)).toEqual(now)
      }
      expect(await mine.read(first.vm)).toEqual(now)
      expect(await mine.renew(first.vm, 7, A)).toEqual({ renewed: false, current: now })
      expect(await theirs.renew(first.vm, 3, B)).toEqual({ renewed: true })
      expect(await mine.compareAndSwap(old, first)).toMatchObject({ stored: false, why: 'revision', current: now })
    })

    test('carried to where nothing is, its lease begins, and it is changed as any other; who decides is not', async () => {
      const { mine, theirs } = open()
      const first = claimBy(A, { decided: { generation: 1, by: 'here' } })
      const carried = await mine.carry(first)
      expect(carried?.claim).toEqual(first)
      const revision = carried?.revision ?? 0
      const taking = { ...first, term: 2, holder: B }
      const early = await theirs.compareAndSwap(revision, taking, { requireLeaseOver: true })
      expect(early).toMatchObject({ stored: false, why: 'lease' })
      const elsewhere = { ...first, decided: { generation: 2, by: 'there' } }
      await expect(mine.compareAndSwap(revision, elsewhere)).rejects.toMatchObject({ name: 'InvariantViolation' })
      const next = await stored(theirs, revision, taking)
      expect(await mine.read(first.vm)).toEqual({ revision: next, claim: taking })
    })

    test('a claim without a generation is not carried: a fault of the caller', async () => {
      const { mine } = open()
      await expect(mine.carry(claimBy(A))).rejects.toMatchObject({ name: 'InvariantViolation' })
    })

    test('all ports of one witness call it by one name', async () => {
      const { mine, theirs } = open()
      for (const port of [mine, theirs]) await port.read(freshVm())
      expect(mine.id).toMatch(/./)
      expect(theirs.id).toBe(mine.id)
    })

    test.each<[string, Partial<Claim>]>([
      ['the term stands still while the holder changes', { holder: B }],
      ['the term skips one', { holder: B, term: 3 }],
      ['the term grows while the holder stays', { term: 2 }],
      ['the taker lacks writes', { holder: C, term: 2, upToDate: { [DISK]: [C] } }],
      ['a disk has no up-to-date host', { upToDate: { [DISK]: [] } }],
    ])('a claim that breaks a rule is a fault of the caller: %s', async (_, changes) => {
      const { mine } = open()
      const first = claimBy(A)
      const revision = await stored(mine, 0, first)
      await expect(mine.compareAndSwap(revision, { ...first, ...changes })).rejects.toMatchObject({ name: 'InvariantViolation' })
      expect(await mine.read(first.vm)).toEqual({ revision, claim: first })
    })
  })
}

async function readWhenAnswered(port: WitnessPort, vm: string): Promise<StoredClaim | null> {
  const giveUpAt = performance.now() + 20_000
  for (;;) {
    try {
      return await port.read(vm)
    } catch (error) {
      if (!(error instanceof WitnessUnreachable) || performance.now() > giveUpAt) throw error
    }
  }
}

async function takeWhenOver(port: WitnessPort, expected: number, next: Claim): Promise<number> {
  const giveUpAt = performance.now() + 20_000
  for (;;) {
    const answer = await port.compareAndSwap(expected, next, { requireLeaseOver: true })
    if (answer.stored) return answer.revision
    if (answer.why !== 'lease') throw new Error(`refused by ${answer.why}`)
    if (performance.now() > giveUpAt) throw new Error('the lease does not end')
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, answer.leaseLeftMs)))
  }
}

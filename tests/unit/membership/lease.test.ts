import type { Claim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { CLOCK_DRIFT_MAX, leaseOverAfterMs, pauseMarginMs } from '../../../lib/core/domain/lease'
import { Holder } from '../../../lib/core/membership/holder'
import { Book } from '../../../lib/core/witness/book'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')
const claimOf = (leaseMs: number): Claim => ({
  ...{ vm: VM, term: 1, holder: A, leaseMs, lockstep: null },
  upToDate: { [volumeKey('dddddddd-0000-4000-8000-000000000004')]: [A, B] },
})

/** A monotonic clock: what it shows at a true moment, and the true moment at which it shows something. */
class MachineClock {
  constructor(
    readonly rate: number,
    private readonly offsetMs: number,
  ) {}
  at(trueMs: number): number {
    return this.offsetMs + trueMs * this.rate
  }
}

/** The first of the true moments, up to `untilMs`, at which it is so. */
function first(fromMs: number, untilMs: number, stepMs: number, isSo: (trueMs: number) => boolean): number {
  for (let trueMs = fromMs; trueMs <= untilMs; trueMs += stepMs) if (isSo(trueMs)) return trueMs
  throw new Error(`not by ${untilMs}`)
}

interface Ends {
  /** True moments at which the holder's guest was to stop, its last answer may have left, and a taker may begin at the earliest. */
  readonly guestMs: number
  readonly answersMs: number
  readonly takerMs: number
}

/** The holder asks at true 0 for the last time; the witness hears it `underWayMs` later, and its answer comes back. */
function ends(leaseMs: number, holder: MachineClock, judge: MachineClock, underWayMs: number): Ends {
  const machine = new Holder(A, { revision: 1, claim: claimOf(leaseMs) }, null)
  machine.apply({ on: 'tick', nowMs: holder.at(0) })
  const book = new Book()
  book.enter({ kind: 'stored', pool: 'pool', revision: 1, claim: claimOf(leaseMs) }, judge.at(-1e6))
  expect(book.renew(VM, 1, A, judge.at(underWayMs))).toBe(true)
  machine.apply({ on: 'renewed', askedAtMs: holder.at(0) })
  const [fromMs, untilMs] = [0.98 * leaseMs - pauseMarginMs(leaseMs) - 50, 1.2 * leaseMs + underWayMs + 200]
  const pausedAt: number[] = []
  const answersMs = first(fromMs, untilMs, 1, (trueMs) => {
    for (const effect of machine.apply({ on: 'tick', nowMs: holder.at(trueMs) }))
      if (effect.do === 'guests' && !effect.mayRun) pausedAt.push(trueMs)
    return !machine.leaseValid
  })
  const takerMs = first(fromMs, untilMs, 1, (trueMs) => book.leaseLeftMs(VM, judge.at(trueMs)) === 0)
  return { guestMs: pausedAt[0] ?? answersMs, answersMs, takerMs }
}

/** Each at its slowest or fastest, so that no two differ by more than the bound; and all alike. */
const half = Math.sqrt(1 + CLOCK_DRIFT_MAX)
const RATES = [1 / half, 0.998, 1, 1.002, half]
const clocks = (rate: number): MachineClock => new MachineClock(rate, 1e9 * rate)

test.each([1000, 1500, 4000, 60_000])(
  'a lease of %i ms: for each pair of clocks the guest stops first, then the answers, then a taker begins',
  (leaseMs) => {
    for (const holder of RATES)
      for (const judge of RATES)
        for (const underWayMs of [0, 1, 400]) {
          const seen = ends(leaseMs, clocks(holder), clocks(judge), underWayMs)
          const context = { holder, judge, underWayMs, ...seen }
          expect({ ...context, inOrder: seen.guestMs < seen.answersMs && seen.answersMs + 40 < seen.takerMs }).toEqual({
            ...context,
            inOrder: true,
          })
          expect(Math.abs((seen.answersMs - seen.guestMs) * holder - pauseMarginMs(leaseMs))).toBeLessThan(3)
        }
  },
)

test('beyond the bound that order is lost: the enumeration can fail', () => {
  const { answersMs, takerMs } = ends(4000, clocks(1), clocks(1.03), 0)
  expect(takerMs).toBeLessThan(answersMs)
})

test('the default in numbers', () => {
  expect(leaseOverAfterMs(1500)).toBe(1565)
  expect(leaseOverAfterMs(4000)).toBe(4090)
  expect([1000, 1500, 4000, 60_000].map((leaseMs) => Math.round(pauseMarginMs(leaseMs)))).toEqual([250, 250, 667, 2000])
})

import { Guest } from '../../../../lib/daemon/worker/guest/guest'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import type { DomainState } from '../../../../lib/ports/domain-control'
import { QuietLog } from '../../../integration/quiet-log'

const DOMID = '7'
const TICK_MS = 50

/** The watchdog's pause of a guest whose worker comes back, or whose lease is confirmed, in the middle of it. */
interface Case {
  /** Each pause: when it is marked, when it lands, when its end is marked. */
  readonly pauses: readonly { readonly fromMs: number; readonly landsMs: number; readonly overMs: number }[]
  /** When the guest may run again, and until when; it may once more 500 ms later. */
  readonly mayRunFromMs: number
  readonly mayRunUntilMs: number
  /** How long the toolstack takes, and whether a look tells what was at its beginning or at its end. */
  readonly callMs: number
  readonly tells: 'begin' | 'end'
  /** How many of the first unpauses fail. */
  readonly failures: number
}

function* cases(): Generator<Case> {
  const spans = [0, 300, 1600]
  for (const firstMs of [0, 400])
    for (const landsAfterMs of spans)
      for (const overAfterMs of spans)
        for (const second of [false, true])
          for (const callMs of [0, 150, 1400])
            for (const tells of ['begin', 'end'] as const)
              for (const [mayRunUntilMs, failures] of [
                [Infinity, 0],
                [Infinity, 9],
                [850, 0],
                [1650, 1],
              ] as const) {
                const first = { fromMs: firstMs, landsMs: firstMs + landsAfterMs, overMs: firstMs + landsAfterMs + overAfterMs }
                const other = { fromMs: first.fromMs + 250, landsMs: first.landsMs + 450, overMs: first.overMs + 450 }
                const pauses = second ? [first, other] : [first]
                yield { pauses, mayRunFromMs: 600, mayRunUntilMs, callMs, tells, failures }
              }
}

interface Outcome {
  readonly pauses: number
  /** Unpauses that were asked for while the guest was not allowed to run. */
  readonly strays: number
  readonly unpauses: number
}

/** Pauses are counted, as Xen does it; one call after another takes effect in the middle of its time. */
class Stage {
  nowMs = 0
  count = 0
  #strays = 0
  #unpauses = 0
  readonly #due: { readonly atMs: number; readonly act: () => void }[] = []

  constructor(private readonly given: Case) {}

  mayRun(nowMs = this.nowMs): boolean {
    const { mayRunFromMs, mayRunUntilMs } = this.given
    return (nowMs >= mayRunFromMs && nowMs < mayRunUntilMs) || nowMs >= mayRunUntilMs + 500
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => this.#due.push({ atMs: this.nowMs + ms, act: resolve }))
  }

  get #mark(): 'none' | 'under-way' | 'done' {
    const begun = this.given.pauses.filter(({ fromMs }) => fromMs <= this.nowMs)
    if (begun.some(({ overMs }) => overMs > this.nowMs)) return 'under-way'
    return begun.some(({ overMs }) => overMs > this.#takenAtMs) ? 'done' : 'none'
  }
  #takenAtMs = -1

  async run(): Promise<Outcome> {
    const { callMs, tells, pauses } = this.given
    const state = (): DomainState => (this.count > 0 ? 'standing' : 'running')
    const parts: Pick<WorkerParts, 'clock' | 'log' | 'leases' | 'domains'> = {
      clock: { nowMs: () => this.nowMs },
      log: new QuietLog(),
      leases: {
        left: null,
        tell: () => {
          const mark = this.#mark
          if (mark === 'done') this.#takenAtMs = this.nowMs
          return mark !== 'none'
        },
        forget: () => undefined,
        trouble: '',
      },
      domains: {
        state: async () => {
          const atFirst = state()
          await this.#after(callMs)
          return tells === 'begin' ? atFirst : state()
        },
        pause: async () => {
          await this.#after(callMs / 2)
          this.count += 1
          await this.#after(callMs / 2)
        },
        unpause: async () => {
          this.#unpauses += 1
          if (!this.mayRun()) this.#strays += 1
          const isRefused = this.#unpauses <= this.given.failures
          await this.#after(callMs)
          if (isRefused) throw new Error('xl: no')
          this.count = Math.max(0, this.count - 1)
        },
        destroy: () => Promise.reject(new Error('nobody asked for that')),
      },
    }
    const guest = new Guest(parts as WorkerParts, () => [{ attachedTo: DOMID, active: true }])
    guest.waits()
    let mayRun = false
    const endMs = this.given.failures > 1 ? 200_000 : 14_000
    for (; this.nowMs < endMs; this.nowMs += TICK_MS) {
      const isQuick = this.nowMs < 12_000
      if (!isQuick) this.nowMs += 950
      for (const { landsMs } of pauses) if (landsMs === this.nowMs) this.count += 1
      if (this.mayRun() !== mayRun) {
        mayRun = !mayRun
        if (mayRun) guest.run()
        else guest.stand()
      }
      guest.tick(this.nowMs, { untilMs: mayRun ? this.nowMs + 1500 : 0, then: 'pause', pauseWithinMs: 0 })
      await this.#settle()
    }
    return { pauses: this.count, strays: this.#strays, unpauses: this.#unpauses }
  }

  async #settle(): Promise<void> {
    for (;;) {
      for (let turn = 0; turn < 8; turn += 1) await Promise.resolve()
      const index = this.#due.findIndex(({ atMs }) => atMs <= this.nowMs)
      if (index < 0) return
      for (const { act } of this.#due.splice(index, 1)) act()
    }
  }
}

test('a guest that the watchdog paused runs in the end, in whatever order pauses, looks and unpauses end; none is let go without a lease', async () => {
  const met = { cases: 0, unpaused: 0, severalTimes: 0, landedLate: 0 }
  for (const given of cases()) {
    const { pauses, strays, unpauses } = await new Stage(given).run()
    if (pauses !== 0 || strays !== 0) throw new Error(JSON.stringify({ pauses, strays, unpauses, given }))
    met.cases += 1
    if (unpauses > 0) met.unpaused += 1
    if (unpauses > 1) met.severalTimes += 1
    if (given.pauses.some(({ landsMs }) => landsMs > given.mayRunFromMs)) met.landedLate += 1
  }
  expect(met.cases).toBe(2 * 3 * 3 * 2 * 3 * 2 * 4)
  for (const [what, times] of Object.entries(met)) expect({ what, met: times > 100 }).toEqual({ what, met: true })
})

import type { LeaseNote } from '../../../lib/core/domain/lease-note'
import { SelfFence } from '../../../lib/core/membership/self-fence'

/** What becomes of one call of the toolstack; the first takes effect and answers at once, the last does neither, ever. */
const OUTCOMES = ['works', 'works in 150 ms', 'works in 450 ms', 'works, but says nothing', 'fails', 'hangs'] as const
type Outcome = (typeof OUTCOMES)[number]

interface Case {
  readonly then: 'pause' | 'destroy'
  /** Of the first calls; those after them end as the last one. */
  readonly outcomes: readonly Outcome[]
  /** When the worker has a new lease and lets the guest go on, for 400 ms; null: never. */
  readonly renewedAtMs: number | null
  /** When a late call of the worker lets the guest go on without any lease; null: never. */
  readonly strayAtMs: number | null
}

const UNTIL_MS = 1000
const TICK_MS = 50
const END_MS = UNTIL_MS + 4000

function* words(length: number): Generator<Outcome[]> {
  if (length === 0) yield []
  else for (const rest of words(length - 1)) for (const first of OUTCOMES) yield [first, ...rest]
}

function* cases(): Generator<Case> {
  for (const then of ['pause', 'destroy'] as const)
    for (const outcomes of words(3))
      for (const renewedAtMs of [null, 1050, 1150, 1250, 1450, 2050])
        for (const strayAtMs of [null, 1350, 2500]) yield { then, outcomes, renewedAtMs, strayAtMs }
}

interface Call {
  readonly verb: 'pause' | 'destroy'
  readonly attempt: number
  readonly outcome: Outcome
  readonly atMs: number
  over: boolean
}

/** The guest as it is, which the machine only hears of. */
class Guest {
  state: 'running' | 'paused' | 'destroyed' = 'running'
  untilMs = UNTIL_MS
  /** It stood when it was to be destroyed. */
  spared = false
  /** Since when it runs although nobody allows it, counted anew when a stray call let it go. */
  loose: number | null = null
  readonly calls: Call[] = []
  readonly fences: number[] = []
  readonly pets: number[] = []

  constructor(readonly given: Case) {}

  /** One that stands is not destroyed where it need only be paused. */
  stop(verb: Call['verb']): boolean {
    const ours = this.state === 'running'
    if (verb === 'destroy' && (ours || this.given.then === 'destroy')) this.state = 'destroyed'
    else if (ours) this.state = 'paused'
    else if (verb === 'destroy') this.spared = true
    return ours
  }

  letGo(): void {
    if (this.state === 'paused') this.state = 'running'
  }
}

/** Ticks first, so that calls are made at the time of a tick, as in life. */
function run(given: Case): Guest {
  const machine = new SelfFence({ pause: 200, destroy: 1000 })
  const guest = new Guest(given)
  for (let nowMs = UNTIL_MS - 2 * TICK_MS; nowMs <= END_MS; nowMs += TICK_MS) {
    if (nowMs === given.renewedAtMs) guest.untilMs = nowMs + 400
    if (nowMs === given.renewedAtMs || nowMs === given.strayAtMs) guest.letGo()
    for (const call of guest.calls) {
      const doneAtMs =
        call.atMs +
        { works: 0, 'works in 150 ms': 150, 'works in 450 ms': 450, fails: 50, hangs: Infinity, 'works, but says nothing': 0 }[
          call.outcome
        ]
      if (call.over || nowMs < doneAtMs) continue
      call.over = true
      const answer = { domid: '7', attempt: call.attempt, nowMs }
      const ours = call.outcome === 'fails' || guest.stop(call.verb)
      if (call.outcome === 'fails') machine.apply({ on: 'not-stopped', ...answer })
      else if (call.outcome !== 'works, but says nothing')
        machine.apply({ on: 'stopped', ...answer, ours, gone: guest.state === 'destroyed' })
    }
    const lease: LeaseNote = {
      id: 'vm',
      pid: 1,
      startedTicks: 1,
      domids: ['7'],
      untilMs: guest.untilMs,
      then: given.then,
      pauseWithinMs: 0,
      isPaused: false,
      toldAtMs: nowMs,
    }
    for (const effect of machine.apply({ on: 'tick', nowMs, bootMs: nowMs, leases: [lease] })) {
      if (effect.do === 'pet') guest.pets.push(nowMs)
      if (effect.do === 'fence-host') guest.fences.push(nowMs)
      if (effect.do !== 'stop') continue
      const outcome = given.outcomes[Math.min(guest.calls.length, given.outcomes.length - 1)] ?? 'hangs'
      guest.calls.push({ verb: effect.verb, attempt: effect.attempt, outcome, atMs: nowMs, over: false })
    }
    judge(guest, nowMs)
  }
  return guest
}

/** How long a guest may run loose before this must have been asked for; one tick for noticing. A stray call is looked for each second. */
const limitsOf = (then: Case['then'], stray: boolean, silent: boolean): { asked: number; destroyed: number; fenced: number } => {
  const late = TICK_MS + (stray ? 1000 : 0)
  // Who was seen to stand is given ten seconds, and so is a look that is not answered.
  if (then === 'pause' && stray) return { asked: silent ? Infinity : late, destroyed: Infinity, fenced: Infinity }
  if (then === 'pause') return { asked: 100 + late, destroyed: 300 + late, fenced: 1300 + late }
  return { asked: late, destroyed: late, fenced: 1000 + late }
}

function judge(guest: Guest, nowMs: number): void {
  const { given, calls, fences } = guest
  const allowed = nowMs < guest.untilMs
  const failed = (why: string): never => {
    throw new Error(`${why} at ${nowMs}: ${JSON.stringify({ given, calls, fences })}`)
  }
  if (allowed && (calls.some(({ atMs }) => atMs === nowMs) || fences.includes(nowMs))) failed('stopped what is allowed')
  if (guest.state !== 'running' || allowed) {
    guest.loose = null
    return
  }
  guest.loose ??= nowMs
  const stray = guest.loose > guest.untilMs
  const looseMs = nowMs - guest.loose
  const newest = calls.at(-1)
  const limits = limitsOf(given.then, stray, newest?.outcome === 'works, but says nothing')
  const asked = newest !== undefined && newest.atMs >= guest.untilMs && (!newest.over || newest.atMs >= nowMs - TICK_MS)
  if (looseMs >= limits.asked && !asked) failed('nothing is asked for')
  const destroys = calls.filter(({ verb, atMs }) => verb === 'destroy' && atMs >= guest.untilMs)
  if (looseMs >= limits.destroyed && destroys.length === 0) failed('no destroy')
  if (looseMs >= limits.fenced && !fences.some((atMs) => atMs >= guest.untilMs)) failed('no fence')
}

test('a guest past its deadline is asked to stop, then destroyed, then its host is fenced, whatever the toolstack answers and when', () => {
  const met = { cases: 0, fenced: 0, destroyed: 0, paused: 0, spared: 0 }
  for (const given of cases()) {
    const guest = run(given)
    met.cases += 1
    if (guest.fences.length > 0) met.fenced += 1
    if (guest.state === 'destroyed') met.destroyed += 1
    if (guest.state === 'paused') met.paused += 1
    if (guest.spared) met.spared += 1
  }
  expect(met.cases).toBe(2 * 6 ** 3 * 6 * 3)
  for (const [what, times] of Object.entries(met)) expect({ what, met: times > 100 }).toEqual({ what, met: true })
})

test('a toolstack that does nothing: the whole ladder, to the millisecond of a tick', () => {
  const { calls, fences, pets } = run({ then: 'pause', outcomes: ['hangs'], renewedAtMs: null, strayAtMs: null })
  expect(calls.map(({ verb, atMs }) => [verb, atMs - UNTIL_MS])).toEqual([
    ['pause', 100],
    ['destroy', 300],
  ])
  expect(fences.map((atMs) => atMs - UNTIL_MS)).toEqual([1300, 2300, 3300])
  expect(pets.at(-1)).toBe(UNTIL_MS + 1300 - TICK_MS)
})

test('one that fails each time: asked again at each tick', () => {
  const { calls } = run({ then: 'pause', outcomes: ['fails'], renewedAtMs: null, strayAtMs: null })
  const first = calls.slice(0, 6).map(({ verb, atMs }) => `${verb} ${atMs - UNTIL_MS}`)
  expect(first).toEqual(['pause 100', 'pause 150', 'pause 200', 'pause 250', 'destroy 300', 'destroy 350'])
})

import { unreachable } from '../domain/assert'
import type { Evidence, RestartEffect, Seen, XapiStep } from './effects'
import { GoingOn } from './going-on'
import type { RestartEvent, RestartFacts } from './restart-events'

/** Why it does not run although its claim never left this host. */
export type WhyEnded = 'host-went-down' | 'self-fenced'

const ENDED: Readonly<Record<WhyEnded, string>> = {
  'host-went-down': 'ran here when this host went down',
  'self-fenced': 'was ended here because its claim was not confirmed in time; the claim did not move',
}

type Refused = Extract<RestartEvent, { type: 'claim-refused' }>

export type RestartPhase = 'taking' | 'queued' | 'looking' | 'resetting' | 'starting' | 'resting' | 'homing' | 'ended'

const ASK_AGAIN_MS = 250
const REST_FIRST_MS = 500
const REST_LONGEST_MS = 30_000
/** An operation of somebody else on the VM, or ours that was not answered in time. */
const BUSY_MS = 500
const ALERT_AFTER_FAILURES = 3
/** All hosts are disabled for a moment after a promotion, and a xapi that starts says so: worth asking often. */
const PASSING = new Set(['HOST_DISABLED', 'HOST_STILL_BOOTING'])

/**
 * The restart of one VM after its host is suspected.
 *
 *     taking ──claim-taken──▶ queued ──turn──▶ looking ─┬─ Halted ─────────▶ starting ──▶ homing ──▶ ended
 *       │ ▲                                      ▲      ├─ on the lost host ▶ resetting ──▶ starting
 *       └─┘ claim-refused: again when the        │      └─ runs, suspended, gone ────────▶ ended
 *           lease is over                     resting ◀── a step failed or was not answered, or a guest uses the disks here
 *
 * Never starts before the claim was taken (N4), nor beside a guest of this host that uses the disks, whatever XAPI shows: one that went on
 * from its memory is here before XAPI knows. Never repeats a step blindly: after a failure or silence it looks first. A VM that was not
 * running moves its claim and its affinity, and stays down.
 */
export class Restart {
  phase: RestartPhase = 'taking'
  failures = 0
  term: number | null = null
  private readonly goingOn = new GoingOn()
  private asking = true
  private mayHold = false
  private hostIsBack = false
  private wakeAtMs = 0
  private refusedBy = ''
  private failedBy = ''
  private readonly steps: XapiStep[] = []

  constructor(
    readonly facts: RestartFacts,
    private readonly suspectedAtMs: number,
  ) {}

  /** Its guest went on from its memory, as far as is known. */
  get goesOn(): boolean {
    return this.goingOn.isUnderWay
  }

  /** Of a VM whose claim never left this host. */
  beginHeld(term: number, why: WhyEnded): RestartEffect[] {
    this.phase = 'queued'
    this.term = term
    return [this.record('restart-begun', why, `${this.facts.name} ${ENDED[why]}, and is started again`, { term })]
  }

  begin(evidence: Evidence): RestartEffect[] {
    return [
      this.record('takeover-begun', 'host-suspected', `${this.facts.name} loses its host; its claim is asked for`, evidence),
      this.takeOver(),
    ]
  }

  apply(event: RestartEvent, atMs: number): RestartEffect[] {
    if (this.phase === 'ended') return []
    switch (event.type) {
      case 'claim-taken':
        return this.phase === 'taking' ? this.taken(event, atMs) : []
      case 'claim-refused':
        return this.phase === 'taking' ? this.refused(event, atMs) : []
      case 'claim-lost':
        return this.end('takeover-ended', 'claim-moved', `the claim of ${this.facts.name} moved on`, { holder: event.holder })
      case 'host-back':
        if (this.phase !== 'taking') return []
        this.hostIsBack = true
        return this.asking || this.mayHold ? [] : this.leave()
      case 'turn':
        return this.phase === 'queued' ? this.firstStep() : []
      case 'looked':
        return this.phase === 'looking' ? this.decide(event.seen, event.servedHere, atMs) : []
      case 'xapi-answered':
        return this.answered(event.step, atMs)
      case 'xapi-failed':
        return this.awaits(event.step) ? this.failed(event.step, event.code, atMs) : []
      case 'xapi-silent':
        return this.awaits(event.step) ? this.failed(event.step, 'no answer', atMs) : []
      case 'tick':
        return this.tick(atMs)
      default:
        return unreachable(event, 'Restart')
    }
  }

  private taken({ term, rule, goesOn }: Extract<RestartEvent, { type: 'claim-taken' }>, atMs: number): RestartEffect[] {
    this.term = term
    this.phase = 'queued'
    if (goesOn === true) this.goingOn.begin()
    const evidence = { term, sinceSuspectedMs: atMs - this.suspectedAtMs }
    const text = `the claim of ${this.facts.name} is here with term ${term}; no other host can act for it any more`
    const why = rule === 'holder-fenced' || rule === 'lockstep-secondary' ? rule : 'lease-over'
    const taken = this.record('claim-taken', why, text, evidence)
    if (goesOn !== true) return [taken]
    const on = `${this.facts.name} goes on from its memory on this host; nothing is started`
    return [taken, this.record('vm-goes-on', 'from-its-memory', on, evidence), this.alert('HOLDFAST_VM_GOES_ON', 4, on)]
  }

  /** Only once it is known that the claim is not here: a VM whose claim was taken and that nobody starts would stay down. */
  private leave(): RestartEffect[] {
    return this.end('takeover-ended', 'host-came-back', `the host of ${this.facts.name} is back before its claim was taken`, {})
  }

  private refused({ why, leaseLeftMs, mayHold }: Refused, atMs: number): RestartEffect[] {
    this.asking = false
    this.mayHold = mayHold === true
    if (this.hostIsBack && !this.mayHold) return this.leave()
    if (why === 'not-up-to-date') {
      const text = `${this.facts.name} stays down: this host lacks acknowledged writes of it`
      return [...this.end('vm-stays-down', why, text, {}), this.alert('HOLDFAST_VM_STAYS_DOWN', 2, text)]
    }
    this.wakeAtMs = atMs + Math.max(leaseLeftMs, ASK_AGAIN_MS)
    if (this.refusedBy === why) return []
    this.refusedBy = why
    return [this.record('claim-refused', why, `the claim of ${this.facts.name} cannot be taken yet`, { leaseLeftMs })]
  }

  private tick(atMs: number): RestartEffect[] {
    if (atMs < this.wakeAtMs) return []
    if (this.phase === 'resting') return this.ask('look', 'looking')
    if (this.phase !== 'taking' || this.asking) return []
    this.asking = true
    return [this.takeOver()]
  }

  private firstStep(): RestartEffect[] {
    if (this.facts.wasRunning || this.goesOn) return this.ask('look', 'looking')
    const text = `${this.facts.name} was not running: it belongs to this host now and is not started`
    return [this.record('vm-rehomed', 'was-not-running', text, { term: this.term }), ...this.ask('set-affinity', 'homing')]
  }

  /** What XAPI shows decides what is done, whatever was done before. */
  private decide(seen: Seen, servedHere: boolean | null, atMs: number): RestartEffect[] {
    const { name, lost, here } = this.facts
    if (seen === null) return this.end('takeover-ended', 'vm-gone', `XAPI no longer knows ${name}`, {})
    const { powerState, residentOn, operations } = seen
    if (residentOn !== here && (residentOn === lost || residentOn === null)) {
      const wait = this.withheld(powerState, servedHere, atMs)
      if (wait !== null) return wait
    }
    if (residentOn === lost && lost !== here) return this.ask('reset-power-state', 'resetting')
    const starting = operations.some((operation) => operation.startsWith('start') || operation.startsWith('resume'))
    if (starting || (powerState === 'Running' && residentOn === null)) return this.rest(BUSY_MS, atMs)
    if (powerState === 'Suspended') return this.end('vm-rehomed', 'suspended-is-left', `${name} is suspended and stays so`, {})
    if (powerState === 'Halted') return this.ask('start-on', 'starting')
    if (residentOn === here) {
      if (servedHere === null) return this.rest(BUSY_MS, atMs)
      // The copy of the database with which a member was promoted may be from a time when it ran here.
      return servedHere ? this.up('runs-here', atMs) : this.ask('reset-power-state', 'resetting')
    }
    const text = `${name} runs on a host that does not hold its claim`
    return [...this.end('takeover-ended', 'runs-elsewhere', text, { residentOn }), this.alert('HOLDFAST_VM_ELSEWHERE', 2, text)]
  }

  /** XAPI does not show the VM here. Null: no guest of this host uses its disks, and it may be started. */
  private withheld(powerState: string, servedHere: boolean | null, atMs: number): RestartEffect[] | null {
    const { name } = this.facts
    const verdict = this.goingOn.looked(powerState, servedHere, atMs)
    if (verdict === 'start') return null
    if (verdict === 'ended') return this.end('takeover-ended', 'ended-since', `${name} went on here, and has ended since`, {})
    if (verdict === 'wait') return this.rest(BUSY_MS, atMs)
    if (verdict === 'served') {
      const text = `a guest on this host uses the disks of ${name}: until XAPI shows it here, it is neither reset nor started`
      return [this.record('start-withheld', 'served-here', text, { powerState }), ...this.rest(BUSY_MS, atMs)]
    }
    const text = `the guest of ${name} that went on from its memory ended before XAPI saw it: it is started from its disks`
    return [this.record('memory-lost', 'not-served-here', text, { powerState }), ...this.rest(0, atMs)]
  }

  private answered(step: XapiStep, atMs: number): RestartEffect[] {
    if (!this.awaits(step)) return []
    if (step === 'reset-power-state') return this.ask('start-on', 'starting')
    if (step === 'start-on') return this.up('started', atMs)
    if (step === 'set-affinity') this.phase = 'ended'
    return []
  }

  private up(rule: string, atMs: number): RestartEffect[] {
    const { name, lost, here } = this.facts
    const sinceSuspectedMs = atMs - this.suspectedAtMs
    if (this.goesOn) {
      const text = `XAPI shows ${name} on this host, where it went on from its memory`
      return [
        this.record('vm-shown-here', rule, text, { term: this.term, sinceSuspectedMs }),
        ...this.ask('set-affinity', 'homing'),
      ]
    }
    const since = lost === here ? 'its restart was begun' : 'its host was suspected'
    const text = `${name} runs on this host, ${(sinceSuspectedMs / 1000).toFixed(1)} s after ${since}`
    const evidence = { term: this.term, sinceSuspectedMs, failures: this.failures, steps: this.steps.join(' ') }
    return [
      this.record('vm-restarted', rule, text, evidence),
      this.alert('HOLDFAST_VM_RESTARTED', 4, text),
      ...this.ask('set-affinity', 'homing'),
    ]
  }

  private failed(step: XapiStep, code: string, atMs: number): RestartEffect[] {
    if (step === 'set-affinity') {
      const text = `the affinity of ${this.facts.name} could not be set; a plain start still happens where its claim is`
      return this.end('affinity-not-set', 'not-vital', text, { code })
    }
    this.failures += 1
    const effects: RestartEffect[] = []
    // Of a long row of equal failures the first, second, fourth, eighth ... are enough for the timeline.
    if (code !== this.failedBy || Number.isInteger(Math.log2(this.failures))) {
      const text = `${step} of ${this.facts.name} did not succeed; what XAPI shows is looked at before anything is repeated`
      effects.push(this.record('step-failed', 'look-before-repeat', text, { step, code, failures: this.failures }))
    }
    this.failedBy = code
    if (this.failures === ALERT_AFTER_FAILURES) {
      effects.push(this.alert('HOLDFAST_RESTART_DELAYED', 2, `${this.facts.name} could not be restarted yet: ${step}: ${code}`))
    }
    const restMs = PASSING.has(code) ? BUSY_MS : Math.min(REST_LONGEST_MS, REST_FIRST_MS * 2 ** (this.failures - 1))
    return [...effects, ...this.rest(restMs, atMs)]
  }

  private rest(ms: number, atMs: number): RestartEffect[] {
    this.phase = 'resting'
    this.wakeAtMs = atMs + ms
    return []
  }

  private awaits(step: XapiStep): boolean {
    const phases = {
      look: 'looking',
      'reset-power-state': 'resetting',
      'start-on': 'starting',
      'set-affinity': 'homing',
    } as const
    return this.phase === phases[step]
  }

  private ask(step: XapiStep, phase: RestartPhase): RestartEffect[] {
    this.phase = phase
    // A guest that went on is looked at until XAPI shows it here.
    if (step !== 'look' || this.steps.at(-1) !== 'look') this.steps.push(step)
    const { vm, here: host } = this.facts
    return [step === 'look' || step === 'reset-power-state' ? { effect: step, vm } : { effect: step, vm, host }]
  }

  private takeOver(): RestartEffect {
    return { effect: 'take-over', vm: this.facts.vm, reason: 'host-suspected' }
  }

  private end(act: string, rule: string, text: string, evidence: Evidence): RestartEffect[] {
    this.phase = 'ended'
    return [this.record(act, rule, text, evidence)]
  }

  private record(act: string, rule: string, text: string, evidence: Evidence): RestartEffect {
    return { effect: 'record', entry: { vm: this.facts.vm, act, rule, text, evidence } }
  }

  private alert(name: string, priority: 2 | 3 | 4, text: string): RestartEffect {
    return { effect: 'alert', name, priority, vm: this.facts.vm, text }
  }
}

import type { HostUuid, VmUuid } from '../domain/ids'
import type { PlannedMove } from '../domain/planned-move'
import type { RestartEffect, Seen } from './effects'

/**
 * One side's part of a planned move. The host that holds the claim does what is next, from what XAPI shows:
 *
 *     on the old host:  runs ──shut-down──▶ halted ──hand-over──▶ the other side goes on
 *                                              └─ not possible ──▶ started where it was
 *     on the new host:  halted ──start-on──▶ runs ──▶ moved
 *                         └─ not possible ──▶ turned around: the same way back
 *
 * Remembers nothing that a restart of the daemon could lose but how often it has tried. Never starts the VM before it holds the claim (it is
 * made on the holder only), never hands the claim over before the VM is halted, never repeats a step without looking.
 */
export interface MoveFacts {
  readonly vm: VmUuid
  readonly name: string
  readonly here: HostUuid
  readonly move: PlannedMove
  /** What an operator calls a host. */
  readonly nameOf: (host: HostUuid) => string
}

export type MoveEvent =
  | { readonly type: 'looked'; readonly seen: Seen }
  | { readonly type: 'done'; readonly step: MoveStep }
  /** XAPI or the worker said no. */
  | { readonly type: 'not-done'; readonly step: MoveStep | 'look'; readonly why: string }
  /** Not in time: it may have been done or not, or may be done yet. */
  | { readonly type: 'unanswered'; readonly step: MoveStep | 'look' }
  | { readonly type: 'rested' }

export type MoveStep = 'shut-down' | 'hand-over' | 'start-on' | 'set-affinity'

export type MoveEffect =
  | { readonly effect: 'look' }
  /** VM.clean_shutdown: answered when the guest has halted, or does not want to. */
  | { readonly effect: 'shut-down' }
  | { readonly effect: 'hand-over'; readonly to: HostUuid }
  | { readonly effect: 'start-on' | 'set-affinity'; readonly host: HostUuid }
  | { readonly effect: 'rest'; readonly ms: number }
  /** Goes on as another one: back to where it came from. */
  | { readonly effect: 'turn-around'; readonly move: PlannedMove }
  | { readonly effect: 'ended'; readonly move: PlannedMove }
  /** The claim is the other host's now, and so is what is left to do. */
  | { readonly effect: 'left-to-the-other' }
  | Extract<RestartEffect, { effect: 'record' | 'alert' }>

const REST_MS = 500
/** The mirror settles in a moment once the guest has halted. */
const HAND_OVER_TRIES = 20
const START_TRIES = 3
const SHUT_DOWN_TRIES = 3
/** An operation on the VM, or a failover of it, is waited for: XAPI gives a guest twenty minutes to shut down. */
const BUSY_LOOKS = 3000

export class Move {
  #over = false
  #shutDownFailed = ''
  #shutDownTries = 0
  #handOverTries = 0
  #startTries = 0
  #busyLooks = 0
  /** Why the VM is to be started where it was; empty while nothing went wrong. */
  #stays = ''

  constructor(readonly facts: MoveFacts) {}

  get over(): boolean {
    return this.#over
  }

  begin(): readonly MoveEffect[] {
    return [{ effect: 'look' }]
  }

  apply(event: MoveEvent): readonly MoveEffect[] {
    if (this.#over) return []
    switch (event.type) {
      case 'looked':
        return this.#decide(event.seen)
      case 'rested':
        return [{ effect: 'look' }]
      case 'done':
        return this.#done(event.step)
      case 'not-done':
        return this.#notDone(event.step, event.why)
      case 'unanswered':
        if (event.step === 'shut-down' && ++this.#shutDownTries < SHUT_DOWN_TRIES) return this.#rest()
        return this.#notDone(event.step, 'no answer')
    }
  }

  #decide(seen: Seen): readonly MoveEffect[] {
    const { name, here, move } = this.facts
    if (seen === null) return this.#failed('vm-gone', `XAPI no longer knows ${name}`)
    const { powerState, residentOn, operations } = seen
    if (powerState === 'Suspended' || powerState === 'Paused')
      return this.#failed('not-as-planned', `${name} was ${powerState.toLowerCase()} by somebody else meanwhile`)
    if (operations.length > 0) return this.#busy(`${operations.join(', ')} of ${name} does not end`)
    if (powerState === 'Halted') return this.#halted()
    if (residentOn === here) return this.#runsHere()
    // Its former host is dead, and a failover of it is under way beside this.
    if (residentOn === move.from || residentOn === null) return this.#busy(`XAPI shows ${name} on another host`)
    return this.#failed('not-as-planned', `${name} runs on ${this.facts.nameOf(residentOn)}`)
  }

  #halted(): readonly MoveEffect[] {
    const { here, move } = this.facts
    if (here !== move.to && this.#stays === '') return [{ effect: 'hand-over', to: move.to }]
    if (move.starts) return [{ effect: 'start-on', host: here }]
    return here === move.to ? [{ effect: 'set-affinity', host: here }] : this.#failed('claim-stays', this.#stays)
  }

  #runsHere(): readonly MoveEffect[] {
    const { here, move } = this.facts
    if (here === move.to) return [{ effect: 'set-affinity', host: here }]
    if (this.#stays !== '') return this.#failed('claim-stays', this.#stays)
    if (this.#shutDownFailed !== '')
      return this.#failed('did-not-shut-down', `the guest did not shut down (${this.#shutDownFailed})`)
    return [{ effect: 'shut-down' }]
  }

  #done(step: MoveStep): readonly MoveEffect[] {
    if (step === 'hand-over') {
      this.#over = true
      return [{ effect: 'left-to-the-other' }]
    }
    return step === 'set-affinity' ? this.#moved() : [{ effect: 'look' }]
  }

  #notDone(step: MoveStep | 'look', why: string): readonly MoveEffect[] {
    const { name, here, move, nameOf } = this.facts
    switch (step) {
      case 'look':
        return this.#busy(`XAPI does not tell about ${name} (${why})`)
      case 'set-affinity':
        return this.#moved()
      case 'shut-down':
        this.#shutDownFailed = why
        return [{ effect: 'look' }]
      case 'hand-over':
        if (++this.#handOverTries >= HAND_OVER_TRIES) this.#stays = `the claim could not be handed over (${why})`
        return this.#rest()
      case 'start-on':
        if (++this.#startTries < START_TRIES) return this.#rest()
        if (here === move.to && !move.back) return this.#turnAround(`${name} could not be started on ${nameOf(here)} (${why})`)
        return this.#stuck(`${name} could not be started on ${nameOf(here)} (${why})`)
    }
  }

  #rest(): readonly MoveEffect[] {
    return [{ effect: 'rest', ms: REST_MS }]
  }

  #busy(text: string): readonly MoveEffect[] {
    return ++this.#busyLooks < BUSY_LOOKS ? this.#rest() : this.#failed('gave-up', text)
  }

  #moved(): readonly MoveEffect[] {
    const { vm, name, here, move, nameOf } = this.facts
    if (move.back) return this.#failed('turned-around', `it could not be started on ${nameOf(move.from)}, and was moved back`)
    const text = move.starts
      ? `${name} was moved and runs on ${nameOf(here)}.`
      : `The claim of ${name} was moved to ${nameOf(here)}.`
    const evidence = { from: move.from, to: move.to }
    const entry = { vm, act: 'vm-moved', rule: 'operator-asked', text, evidence }
    return this.#end({ ...move, state: 'moved', text }, [{ effect: 'record', entry }])
  }

  #turnAround(text: string): readonly MoveEffect[] {
    const { vm, move } = this.facts
    this.#over = true
    const entry = {
      vm,
      act: 'move-turned-around',
      rule: 'not-started',
      text: `${text}; it is moved back.`,
      evidence: { from: move.from },
    }
    return [
      { effect: 'record', entry },
      { effect: 'turn-around', move: { ...move, from: move.to, to: move.from, back: true } },
    ]
  }

  /** It is down, and nothing else is tried. */
  #stuck(text: string): readonly MoveEffect[] {
    const alert = { effect: 'alert', name: 'HOLDFAST_MOVE_FAILED', priority: 2, vm: this.facts.vm, text } as const
    return [alert, ...this.#failed('not-started', `${text}, and stays down`)]
  }

  #failed(rule: string, why: string): readonly MoveEffect[] {
    const { vm, name, move, nameOf } = this.facts
    const text = `${name} was not moved to ${nameOf(move.back ? move.from : move.to)}: ${why}.`
    const entry = { vm, act: 'move-failed', rule, text, evidence: { from: move.from, to: move.to } }
    return this.#end({ ...move, state: 'failed', text }, [{ effect: 'record', entry }])
  }

  #end(move: PlannedMove, told: readonly MoveEffect[]): readonly MoveEffect[] {
    this.#over = true
    return [...told, { effect: 'ended', move }]
  }
}

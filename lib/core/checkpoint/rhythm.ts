import { unreachable } from '../domain/assert'
import { Cycle } from './cycle'
import type { EpochEffect, EpochEvent } from './events'
import { Pacing, type PacingLimits } from './pacing'
import { Unconfirmed } from './unconfirmed'

export interface RhythmLimits {
  readonly pacing: PacingLimits
  readonly pauseLimitMs: number
  /** Epochs on their way. With more of them the guest is not paused, and its epoch gets longer. */
  readonly inFlightMax: number
  /** Output that waits longer is told. */
  readonly outputDelayMaxMs: number
}

/** What an answer about the guest can be. */
export type GuestEvent = Extract<EpochEvent, { attempt: number }>

/** Whether pauses are wanted: for the first epoch only, for one after the other, or not at all. */
export type Wanted = 'first' | 'all' | 'none'

/** The guest's pauses and the epochs that they end: when the next one is due, what a failed one leads to, what is on its way. */
export class Rhythm {
  readonly #cycle: Cycle
  readonly #pacing: Pacing
  #unconfirmed = new Unconfirmed()
  #run = 0
  /** The one that the next pause ends. */
  #epoch = 0
  #failures = 0
  #pressed = false
  #out: EpochEffect[] = []

  constructor(private readonly limits: RhythmLimits) {
    this.#cycle = new Cycle(limits.pauseLimitMs)
    this.#pacing = new Pacing(limits.pacing)
  }

  get epoch(): number {
    return this.#epoch
  }

  dueAtMs(wanted: Wanted): number {
    return Math.min(this.#cycle.dueAtMs, this.#pauseDueAtMs(wanted))
  }

  /** Why lockstep cannot go on; '' while it can. */
  get trouble(): string {
    return this.#failures > 1 ? 'two captures in a row failed' : ''
  }

  begin(run: number): void {
    this.#run = run
    this.#epoch = 0
    this.#failures = 0
    this.#pressed = false
    this.#unconfirmed = new Unconfirmed()
  }

  /** The guest may have been left standing by whoever was here before. */
  resume(nowMs: number): EpochEffect {
    return this.#cycle.begin(nowMs)
  }

  /** No epoch is wanted any more: the guest does not stand for one. */
  end(): readonly EpochEffect[] {
    const stands = this.#cycle.motion === 'pausing' || this.#cycle.motion === 'capturing'
    return [...(stands ? [this.#cycle.over()] : []), { do: 'end-capture' }]
  }

  output(nowMs: number): void {
    this.#unconfirmed.output(nowMs)
  }

  /** The peer has no room for more changes of this epoch. */
  pressed(): void {
    this.#pressed = true
  }

  /** False for an epoch that is not on its way. */
  confirmed(epoch: number, nowMs: number): boolean {
    return this.#unconfirmed.confirmed(epoch, nowMs)
  }

  guest(event: GuestEvent): readonly EpochEffect[] {
    this.#out = []
    const { attempt, nowMs } = event
    switch (event.on) {
      case 'paused':
        if (this.#cycle.paused(attempt)) this.#stands()
        break
      case 'captured':
        if (this.#cycle.isCapturing(attempt)) this.#captured(event.bytes, nowMs)
        break
      case 'resumed': {
        const tookMs = this.#cycle.resumed(attempt, nowMs)
        if (tookMs !== null) this.#pacing.paused(tookMs)
        break
      }
      case 'resume-failed':
        if (this.#cycle.notResumed(attempt, nowMs))
          this.#out.push({ do: 'tell', news: { what: 'guest-not-resumed', error: event.error } })
        break
      case 'pause-failed':
      case 'capture-failed':
        if (this.#cycle.isUnderWay(attempt)) this.#failed(event.error)
        break
      default:
        unreachable(event, 'rhythm')
    }
    return this.#out
  }

  /** What is due now. */
  upkeep(nowMs: number, wanted: Wanted): readonly EpochEffect[] {
    this.#out = []
    const again = this.#cycle.again(nowMs)
    if (again !== null) this.#out.push(again)
    if (this.#cycle.isTooLong(nowMs)) this.#failed('the pause took too long')
    if (nowMs >= this.#pauseDueAtMs(wanted)) this.#out.push(this.#cycle.pause(nowMs))
    if (wanted === 'all') this.#look(nowMs)
    return this.#out
  }

  #stands(): void {
    if (this.#epoch === 0) this.#out.push({ do: 'hold' })
    this.#out.push(this.#cycle.capture(this.#epoch))
  }

  /** Only now: a machine that is captured flushes its disks, which a standby that was told of the end of an epoch would let wait for the next. */
  #captured(bytes: number, nowMs: number): void {
    const [run, epoch] = [this.#run, this.#epoch]
    this.#failures = 0
    this.#pressed = false
    this.#unconfirmed.sent(epoch, bytes, nowMs)
    this.#out.push({ do: 'cut', run, epoch }, this.#cycle.over(), { do: 'send', run, epoch })
    this.#epoch++
  }

  /** The guest goes on first. One more may be tried. */
  #failed(why: string): void {
    this.#out.push(this.#cycle.over(), { do: 'tell', news: { what: 'epoch-failed', epoch: this.#epoch, why } })
    this.#failures++
  }

  #look(nowMs: number): void {
    const look = this.#unconfirmed.look(nowMs, this.limits.outputDelayMaxMs)
    if (look === 'late') this.#out.push({ do: 'tell', news: { what: 'cannot-keep-up', ...this.#unconfirmed.evidence(nowMs) } })
    if (look === 'in-time') this.#out.push({ do: 'tell', news: { what: 'keeps-up' } })
  }

  #pauseDueAtMs(wanted: Wanted): number {
    if (this.#cycle.motion !== 'running' || wanted === 'none' || this.trouble !== '') return Infinity
    if (wanted === 'first' ? this.#epoch > 0 : this.#unconfirmed.count >= this.limits.inFlightMax) return Infinity
    const hurry = wanted === 'first' || this.#pressed || this.#unconfirmed.outputWaits
    return this.#pacing.dueAtMs(this.#cycle.sinceMs, hurry)
  }
}

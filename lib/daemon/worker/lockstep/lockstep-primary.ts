import { Epochs, type Life } from '../../../core/checkpoint/epochs'
import type { ClaimedMemory, EpochEffect, EpochEvent } from '../../../core/checkpoint/events'
import { Figures } from '../../../core/checkpoint/figures'
import { unreachable } from '../../../core/domain/assert'
import type { FrameWay, GuestFrame } from '../../../core/domain/guest-frame'
import type { Timer } from '../../../ports/timers'
import type { EpochReport } from '../../../wire/peer-epochs'
import { EpochOutput } from './epoch-output'
import { EpochParts } from './epoch-parts'
import { errorText } from './error-text'
import { PRIMARY_LIMITS, type LockstepPrimaryNeeds, type LockstepStatus, type PrimaryLimits } from './lockstep-needs'
import { MonitoredGuest } from './monitored-guest'
import type { EpochLink } from './outbox'
import { TrafficCopy } from './traffic-copy'

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never
type Told = WithoutTime<EpochEvent>

/** Carries out what the primary's side of lockstep asks for, one after the other, and answers it. */
export class LockstepPrimary {
  readonly #epochs: Epochs
  readonly #figures = new Figures()
  readonly #guest: MonitoredGuest
  readonly #output: EpochOutput
  readonly #parts: EpochParts
  readonly #traffic: TrafficCopy
  #events: Told[] = []
  #isBusy = false
  #isOver = false
  #beginning = false
  #run = 0
  #timer: Timer | null = null

  /** `fresh`: see EpochEvent. */
  constructor(
    private readonly needs: LockstepPrimaryNeeds,
    fresh: boolean,
    limits: PrimaryLimits = PRIMARY_LIMITS,
  ) {
    this.#epochs = new Epochs(limits.epochs)
    this.#guest = new MonitoredGuest(needs.openCapture, needs.note, !fresh)
    const output = {
      ...{ holdOutput: needs.holdOutput, timers: needs.timers, note: needs.note },
      passes: (way: FrameWay, frame: GuestFrame) => this.#traffic.frame(way, frame),
      waits: () => this.#tell({ on: 'output' }),
      failed: (error: string) => this.leave(`the guest's output failed: ${error}`),
    }
    this.#output = new EpochOutput(output, !fresh)
    this.#parts = new EpochParts({ guest: this.#guest, link: needs.link, timers: needs.timers, term: needs.term }, limits.parts)
    this.#traffic = new TrafficCopy(needs)
    this.#tell({ on: 'start', fresh })
  }

  get life(): Life {
    return this.#epochs.life
  }

  get status(): LockstepStatus {
    return { state: this.life, run: this.#run, ...this.#figures.now, heldBytes: this.#output.heldBytes }
  }

  /** The peer is connected and listed, and lockstep is wanted. Resolves with '' when a run has begun, else with why none has. */
  async begin(): Promise<string> {
    const link = this.needs.link()
    if (this.life !== 'alone' || this.#beginning || this.#isOver) return 'it is under way'
    if (link === null) return 'the peer is not connected'
    this.#beginning = true
    try {
      const machine = await this.#guest.open()
      if (machine === null) return this.#notBegun('the guest does not run')
      await this.#output.open()
      if (!this.#mayBegin(link)) return this.#notBegun('the peer was lost')
      this.#run = this.needs.newRun()
      this.#parts.begin(this.#run, machine)
      this.#tell({ on: 'begin', run: this.#run })
      return ''
    } catch (error) {
      return this.#notBegun(errorText(error))
    } finally {
      this.#beginning = false
    }
  }

  /** What the peer says. */
  frame(frame: EpochReport): void {
    const { run } = frame
    switch (frame.type) {
      case 'epoch-begun':
        this.#tell({ on: 'begun', run })
        break
      case 'epoch-left':
        this.#tell({ on: 'left', run })
        break
      case 'epoch-press':
        this.#tell({ on: 'pressed', run })
        break
      case 'epoch-ack':
        this.#tell({ on: 'ack', run, epoch: frame.epoch })
        break
      case 'epoch-failed':
        this.#tell({ on: 'standby-failed', run, error: frame.error })
        break
      default:
        unreachable(frame, 'lockstep')
    }
  }

  /** What the witness has stored, as it was asked here. */
  claimed(claim: ClaimedMemory, run: number): void {
    this.#tell({ on: 'claimed', claim, run })
  }

  unlisted(): void {
    this.#tell({ on: 'unlisted' })
  }

  spent(): void {
    this.#tell({ on: 'spent' })
  }

  peerLost(error: string): void {
    this.#tell({ on: 'peer-lost', error })
  }

  /** Not wanted, or not possible. The guest goes on. */
  leave(why: string): void {
    this.#tell({ on: 'leave', why })
  }

  /** Output leaves only while the lease is valid. */
  lease(valid: boolean): void {
    this.#output.lease(valid)
  }

  /** The worker ends; the guest does not stand because of it, and what it sends is held by nobody, which throws it away. */
  close(): void {
    this.#isOver = true
    this.#timer?.stop()
    this.#parts.end()
    this.#traffic.end()
    this.#output.close()
    this.#guest.resume(
      () => undefined,
      (error) => this.needs.note('the guest was not resumed', error),
    )
    this.#guest.release()
  }

  #mayBegin(link: EpochLink): boolean {
    return !this.#isOver && this.needs.link() === link && this.life === 'alone'
  }

  #notBegun(why: string): string {
    if (this.life === 'alone') this.#output.free()
    this.#guest.release()
    return why
  }

  #tell(event: Told): void {
    if (this.#isOver) return
    this.#events.push(event)
    if (this.#isBusy) return
    this.#isBusy = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#apply(next)
    this.#isBusy = false
    this.#wake()
  }

  #apply(told: Told): void {
    const nowMs = this.needs.clock.nowMs()
    const event: EpochEvent = { ...told, nowMs }
    this.#figures.happened(event)
    for (const effect of this.#epochs.apply(event)) {
      this.#figures.done(effect, nowMs)
      this.#do(effect)
    }
  }

  #wake(): void {
    this.#timer?.stop()
    const { dueAtMs } = this.#epochs
    if (dueAtMs === Infinity || this.#isOver) return
    this.#timer = this.needs.timers.after(Math.max(0, Math.ceil(dueAtMs - this.needs.clock.nowMs())), () =>
      this.#tell({ on: 'tick' }),
    )
  }

  #do(effect: EpochEffect): void {
    switch (effect.do) {
      case 'pause':
        this.#traffic.pause()
        this.#pause(effect.attempt)
        break
      case 'capture':
        this.#capture(effect)
        break
      case 'resume':
        this.#output.whenTried(() => this.#resume(effect.attempt))
        break
      case 'cut':
        this.needs.link()?.send({ type: 'epoch-cut', run: effect.run, epoch: effect.epoch, term: this.needs.term() })
        this.#output.cut(effect.epoch)
        this.#traffic.cut(effect.run, effect.epoch)
        break
      case 'send':
        this.#parts.send(effect.epoch)
        break
      case 'pass':
        this.#pass(effect.run)
        break
      case 'end-capture':
        this.#parts.end()
        this.#traffic.end()
        this.#guest.release()
        break
      case 'begin':
        this.#parts.sendBegin()
        break
      case 'leave':
        this.needs.link()?.send({ type: 'epoch-leave', run: effect.run, term: this.needs.term() })
        break
      case 'claim':
        this.needs.claim(effect.claim, effect.run)
        break
      case 'answer':
        this.needs.answer(effect.when)
        break
      case 'release':
        this.#output.release(effect.epoch)
        break
      case 'hold':
      case 'free':
      case 'drop':
        this.#output[effect.do]()
        break
      case 'destroy':
        this.#guest.abandon()
        this.needs.destroy()
        break
      case 'tell':
        this.needs.tell(effect.news)
        break
      default:
        unreachable(effect, 'lockstep')
    }
  }
  #pause(attempt: number): void {
    this.#guest.pause(
      () => this.#output.settled(),
      () => this.#tell({ on: 'paused', attempt }),
      (error) => this.#refused('pause-failed', attempt, error),
      () => this.#tell({ on: 'pause-failed', attempt, error: 'somebody else has paused the guest' }),
    )
  }

  #capture({ epoch, attempt }: { epoch: number; attempt: number }): void {
    this.#parts.capture(
      epoch,
      (bytes) => this.#tell({ on: 'captured', attempt, bytes }),
      (error) => this.#refused('capture-failed', attempt, error),
    )
  }

  /** What changed since the last capture is not known any more: a standby cannot be filled from another one. */
  #refused(on: 'pause-failed' | 'capture-failed' | 'resume-failed', attempt: number, error: string): void {
    this.#tell({ on, attempt, error })
    this.leave(`the guest's monitor failed: ${error}`)
  }

  #resume(attempt: number): void {
    this.#guest.resume(
      () => this.#tell({ on: 'resumed', attempt }),
      (error) => this.#refused('resume-failed', attempt, error),
    )
  }

  #pass(run: number): void {
    this.#parts.pass(
      (bytes) => this.#tell({ on: 'passed', run, bytes }),
      (error) => this.#tell({ on: 'pass-failed', run, error }),
    )
  }
}

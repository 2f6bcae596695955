/**
 * The primary's side of lockstep: the guest's state goes to the standby by epochs, and output leaves behind them.
 *
 *   alone ──begin──> beginning ──begun──> preparing ──passes──> seeding ──ack 0──> claiming ──stored──> lockstep
 *     ^ ^                └──────────────────┴──────── leave ──────┴────────────────────┴───────────────────┤
 *     │ └── stored ── unclaiming <── left ── leaving <─────────────────────────────────────────────────────┤ leave
 *     └──── stored ── parting <──────────────── peer-lost, where the claim may name this run ──────────────┘
 *
 * What the claim says decides what a standby is good for. From the pause of epoch 0 the standby may come to be loaded, so from
 * there on output waits; it is free again when the standby says that it has left the run, or when the claim does not list it.
 *
 * Must never: release output of an epoch that is not confirmed for this very run; answer the guest's writes from the local replica
 * alone before the claim names this run; let the guest stand because something failed.
 */
import { assert, unreachable } from '../domain/assert'
import { PAUSE_LIMIT_MS } from './cycle'
import type { ClaimedMemory, EpochEffect, EpochEvent } from './events'
import { FIRST_COPY, FirstCopy, type FirstCopyLimits } from './first-copy'
import { PACING } from './pacing'
import { Rhythm, type RhythmLimits, type Wanted } from './rhythm'

export interface EpochLimits extends RhythmLimits {
  readonly firstCopy: FirstCopyLimits
  /** For the witness to store that the memory counts: until then the guest's output waits, and its disk does. */
  readonly claimLimitMs: number
}

/** Two in flight keep the road busy while one is confirmed; a third would only wait behind them. */
export const EPOCH_LIMITS: EpochLimits = {
  ...{ pacing: PACING, firstCopy: FIRST_COPY, pauseLimitMs: PAUSE_LIMIT_MS },
  ...{ inFlightMax: 2, outputDelayMaxMs: 500, claimLimitMs: 1000 },
}

export type Life =
  | 'unborn'
  | 'alone'
  | 'beginning'
  | 'preparing'
  | 'seeding'
  | 'claiming'
  | 'lockstep'
  | 'leaving'
  | 'unclaiming'
  | 'parting'
  | 'spent'

/** The peer is part of it. */
const IN_RUN: ReadonlySet<Life> = new Set(['beginning', 'preparing', 'seeding', 'claiming', 'lockstep'])

export class Epochs {
  #life: Life = 'unborn'
  #run = 0
  /** The claim names this run, or may. */
  #claimAsked = false
  #claimDueAtMs = Infinity
  readonly #rhythm: Rhythm
  #copy: FirstCopy
  #out: EpochEffect[] = []

  constructor(private readonly limits: EpochLimits = EPOCH_LIMITS) {
    this.#rhythm = new Rhythm(limits)
    this.#copy = new FirstCopy(limits.firstCopy)
  }

  get life(): Life {
    return this.#life
  }

  /** The one that the next pause ends. */
  get epoch(): number {
    return this.#rhythm.epoch
  }

  /** A `tick` is due then; Infinity when none is. */
  get dueAtMs(): number {
    return Math.min(this.#rhythm.dueAtMs(this.#wanted), this.#life === 'claiming' ? this.#claimDueAtMs : Infinity)
  }

  apply(event: EpochEvent): readonly EpochEffect[] {
    this.#out = []
    if (this.#life === 'spent') return []
    assert((event.on === 'start') === (this.#life === 'unborn'), 'epochs start once, and first of all')
    if ('attempt' in event) this.#out.push(...this.#rhythm.guest(event))
    // What is said of an earlier run has come late.
    else if (!('run' in event) || event.on === 'begin' || event.run === this.#run) this.#happened(event)
    if (!this.#isSpent) this.#upkeep(event.nowMs)
    return this.#out
  }

  #happened(event: Exclude<EpochEvent, { attempt: number }>): void {
    switch (event.on) {
      case 'start':
        this.#start(event.fresh, event.nowMs)
        break
      case 'begin':
        this.#begin(event.run)
        break
      case 'begun':
        if (this.#life === 'beginning') this.#prepare()
        break
      case 'passed':
        if (this.#life === 'preparing') this.#passed(event.bytes)
        break
      case 'ack':
        this.#confirmed(event.epoch, event.nowMs)
        break
      case 'left':
        if (this.#life === 'leaving') this.#left()
        break
      case 'pressed':
        this.#rhythm.pressed()
        break
      case 'pass-failed':
        this.#leave(`the first copy failed: ${event.error}`)
        break
      case 'standby-failed':
        this.#leave(`the standby failed: ${event.error}`)
        break
      case 'leave':
        this.#leave(event.why)
        break
      case 'output':
        this.#rhythm.output(event.nowMs)
        break
      case 'peer-lost':
        this.#peerLost(`the peer is lost: ${event.error}`)
        break
      case 'unlisted':
        this.#unlisted()
        break
      case 'claimed':
        this.#claimed(event.claim)
        break
      case 'spent':
        this.#life = 'spent'
        this.#out.push({ do: 'drop' }, { do: 'destroy' }, { do: 'end-capture' })
        break
      case 'tick':
        break
      default:
        unreachable(event, 'epochs')
    }
  }

  /** Without knowing better, a change of the claim by an earlier worker may still be under way: only a later one outdates it. */
  #start(fresh: boolean, nowMs: number): void {
    this.#life = fresh ? 'alone' : 'parting'
    if (fresh) this.#out.push({ do: 'free' })
    else this.#out.push({ do: 'hold' }, this.#rhythm.resume(nowMs), { do: 'claim', claim: 'alone', run: this.#run })
  }

  #begin(run: number): void {
    assert(this.#life === 'alone' && run > 0 && run !== this.#run, 'a run begins alone, and is a new one')
    this.#life = 'beginning'
    this.#run = run
    this.#rhythm.begin(run)
    this.#out.push({ do: 'begin', run })
  }

  #prepare(): void {
    this.#life = 'preparing'
    this.#copy = new FirstCopy(this.limits.firstCopy)
    const run = this.#run
    this.#out.push({ do: 'tell', news: { what: 'preparing', run } }, { do: 'pass', run, pass: this.#copy.pass })
  }

  #passed(bytes: number): void {
    const pass = this.#copy.passed(bytes)
    if (pass === null) this.#life = 'seeding'
    else this.#out.push({ do: 'pass', run: this.#run, pass })
  }

  #confirmed(epoch: number, nowMs: number): void {
    if (this.#life !== 'seeding' && this.#life !== 'lockstep') return
    if (!this.#rhythm.confirmed(epoch, nowMs)) return
    if (this.#life === 'lockstep') this.#out.push({ do: 'release', epoch })
    else {
      this.#life = 'claiming'
      this.#claimDueAtMs = nowMs + this.limits.claimLimitMs
      this.#claim('lockstep')
    }
  }

  #claim(claim: ClaimedMemory): void {
    this.#claimAsked = true
    this.#out.push({ do: 'claim', claim, run: this.#run })
  }

  #claimed(claim: ClaimedMemory): void {
    if (claim === 'alone' && this.#life === 'parting') this.#nowAlone()
    else if (claim === 'none' && this.#life === 'unclaiming') this.#nowAlone()
    else if (claim === 'lockstep' && this.#life === 'claiming') {
      this.#life = 'lockstep'
      const news = { what: 'lockstep', run: this.#run } as const
      this.#out.push({ do: 'answer', when: 'local' }, { do: 'release', epoch: 0 }, { do: 'tell', news })
    }
  }

  #nowAlone(): void {
    this.#life = 'alone'
    this.#claimAsked = false
    this.#out.push({ do: 'answer', when: 'both' }, { do: 'free' })
  }

  /** From the peer's getting this on it has every change of the disk, in order, before it forgets the memory. */
  #leave(why: string): void {
    if (!IN_RUN.has(this.#life)) return
    this.#endRun(why)
    this.#life = 'leaving'
    this.#out.push({ do: 'answer', when: 'both' }, { do: 'leave', run: this.#run })
  }

  #left(): void {
    if (!this.#claimAsked) {
      this.#nowAlone()
      return
    }
    this.#life = 'unclaiming'
    this.#out.push({ do: 'free' })
    this.#claim('none')
  }

  /** The standby must not take what comes of the disk for that of a run. */
  #unlisted(): void {
    if (IN_RUN.has(this.#life)) this.#out.push({ do: 'leave', run: this.#run })
    this.#peerLost('the claim does not list its replica')
  }

  #peerLost(why: string): void {
    if (!IN_RUN.has(this.#life) && this.#life !== 'leaving') return
    if (this.#life !== 'leaving') this.#endRun(why)
    if (this.#claimAsked) {
      this.#life = 'parting'
      this.#claim('alone')
    } else this.#nowAlone()
  }

  #endRun(why: string): void {
    this.#out.push(...this.#rhythm.end(), { do: 'tell', news: { what: 'left', run: this.#run, why } })
  }

  #upkeep(nowMs: number): void {
    this.#out.push(...this.#rhythm.upkeep(nowMs, this.#wanted))
    if (this.#rhythm.trouble !== '') this.#leave(this.#rhythm.trouble)
    if (this.#life === 'claiming' && nowMs >= this.#claimDueAtMs) this.#leave('the witness has not stored it in time')
  }

  get #isSpent(): boolean {
    return this.#life === 'spent'
  }

  get #wanted(): Wanted {
    if (this.#life === 'seeding') return 'first'
    return this.#life === 'lockstep' ? 'all' : 'none'
  }
}

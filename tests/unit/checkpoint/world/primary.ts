import { Epochs, type EpochLimits } from '../../../../lib/core/checkpoint/epochs'
import type { ClaimedMemory, EpochEffect, EpochEvent } from '../../../../lib/core/checkpoint/events'
import { OutputLedger } from '../../../../lib/core/checkpoint/output-ledger'
import { CELLS, Guest } from './guest'
import type { Up } from './link'
import type { Claim } from './witness'
import type { World } from './world'

const LIMITS: EpochLimits = {
  pacing: { intervalMinMs: 2, intervalMaxMs: 20, pauseShareMax: 0.5 },
  firstCopy: { lastBytesMax: 10, passesMax: 3 },
  ...{ pauseLimitMs: 60, inFlightMax: 2, outputDelayMaxMs: 40 },
}

/** What the machines ask the witness for, and what the mirror does. */
type Wish = ClaimedMemory | 'listed' | 'unlisted'
type Monitor = Extract<EpochEffect, { attempt: number }>
type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never

/** The worker of the host that holds the claim: the guest outlives it. */
export class Primary {
  readonly epochs = new Epochs(LIMITS)
  readonly #ledger = new OutputLedger<number>(1000)
  alive = true
  /** The claim lists the peer, or may. */
  mayBeListed: boolean
  isListed = false
  session = 0
  run = 0
  resyncSeq = 0
  #claimsUnderWay = 0
  #answer: 'local' | 'both' = 'both'
  #seq = 0
  #writingSeq = 0
  readonly #monitor: Monitor[] = []
  #toSend: (() => void)[] = []
  /** Of memory, by epoch. */
  #memoryParts = new Map<number, number>()
  #captured: { step: number } | null = null

  constructor(
    private readonly world: World,
    readonly host: number,
    readonly term: number,
    readonly guest: Guest,
    fresh: boolean,
  ) {
    this.mayBeListed = !fresh
    this.tell({ on: 'start', fresh })
  }

  get isSettled(): boolean {
    return this.#claimsUnderWay === 0
  }

  tell(event: WithoutTime<EpochEvent>): void {
    if (!this.alive) return
    this.world.met(event.on)
    for (const effect of this.epochs.apply({ ...event, nowMs: this.world.nowMs })) {
      this.#do(effect)
    }
    this.world.met(`life ${this.epochs.life}`)
  }

  tick(): void {
    if (this.world.nowMs >= this.epochs.dueAtMs || this.world.dice.chance(0.1)) this.tell({ on: 'tick' })
  }

  /** The guest does something. */
  step(): void {
    const { guest, world } = this
    if (!guest.running || guest.writing !== null) return
    guest.step = world.history.step(guest.step)
    const what = world.dice.below(3)
    if (what === 0) this.leave(this.#ledger.sent(guest.step, 1))
    if (what === 0 && this.#ledger.heldBytes > 0) this.tell({ on: 'output' })
    if (what === 1) this.#write(world.dice.below(CELLS))
  }

  leave(steps: readonly number[]): void {
    for (const step of steps) this.world.judge.leaves(step)
  }

  #write(cell: number): void {
    this.guest.writing = { cell, step: this.guest.step }
    this.rewrite()
  }

  /** A worker that was started anew is asked again for what the one before did not answer. */
  rewrite(): void {
    const { writing } = this.guest
    if (writing === null) return
    this.#disk[writing.cell] = writing.step
    this.#writingSeq = ++this.#seq
    this.#send({ on: 'change', change: { seq: this.#seq, ...writing }, bytes: 1 })
    this.#answerIfDone()
  }

  get #disk(): number[] {
    return this.world.diskOf(this.host)
  }

  #answerIfDone(): void {
    if (this.#answer === 'local' || (!this.mayBeListed && this.resyncSeq === 0)) this.guest.answered()
  }

  #send(frame: Parameters<World['sendDown']>[1]): void {
    this.world.sendDown(this, frame)
  }

  begin(run: number): void {
    this.run = run
    this.tell({ on: 'begin', run })
  }

  resync(): void {
    this.resyncSeq = ++this.#seq
    this.#send({ on: 'change', change: { seq: this.#seq, all: [...this.#disk] }, bytes: CELLS })
  }

  #do(effect: EpochEffect): void {
    const { world } = this
    if (!this.alive) return
    switch (effect.do) {
      case 'pause':
      case 'resume':
      case 'capture':
        this.#monitor.push(effect)
        return
      case 'cut':
        this.#send({ on: 'cut', run: effect.run, epoch: effect.epoch })
        this.#ledger.cut(effect.epoch)
        return
      case 'send':
        this.#sendEpoch(effect)
        return
      case 'pass':
        this.#toSend.push(() => {
          this.#memoryPart(effect.run, 0)
          if (world.fault(0.05)) this.tell({ on: 'pass-failed', run: effect.run, error: 'EIO' })
          else this.tell({ on: 'passed', run: effect.run, bytes: world.dice.below(40) })
        })
        return
      case 'end-capture':
        this.#toSend = []
        this.#memoryParts = new Map()
        return
      case 'begin':
      case 'leave':
        this.#send({ on: effect.do, run: effect.run })
        return
      case 'claim':
        this.claim(effect.claim, effect.run)
        return
      case 'answer':
        this.#answer = effect.when
        this.#answerIfDone()
        return
      case 'hold':
        this.#ledger.hold()
        return
      case 'release':
        this.leave(this.#ledger.release(effect.epoch))
        return
      case 'free':
        this.leave(this.#ledger.free())
        return
      case 'drop':
        this.#ledger.drop()
        return
      case 'destroy':
        world.destroyed(this)
        return
      case 'tell':
        world.met(`told ${effect.news.what}`)
        return
    }
  }

  #memoryPart(run: number, epoch: number): void {
    this.#memoryParts.set(epoch, (this.#memoryParts.get(epoch) ?? 0) + 1)
    this.#send({ on: 'part', run, epoch, kind: 'memory', bytes: 1, payload: this.guest.memory })
  }

  #sendEpoch({ run, epoch }: { run: number; epoch: number }): void {
    const { memory } = this.guest
    const device = this.#captured?.step
    this.#toSend.push(
      () => {
        this.#memoryParts.set(epoch, (this.#memoryParts.get(epoch) ?? 0) + 1)
        this.#send({ on: 'part', run, epoch, kind: 'memory', bytes: 1, payload: memory })
      },
      () => this.#send({ on: 'part', run, epoch, kind: 'device', bytes: 1, payload: device }),
      () => this.#send({ on: 'end', run, epoch, parts: (this.#memoryParts.get(epoch) ?? 0) + 1 }),
    )
  }

  sendSome(): void {
    this.#toSend.shift()?.()
  }

  /** QEMU's monitor does one thing after the other; a pause waits for the guest's writes. */
  monitor(): void {
    const next = this.#monitor[0]
    const { guest, world } = this
    if (next === undefined) return
    const { attempt } = next
    if (next.do === 'pause') guest.running = false
    if (next.do === 'pause' && guest.writing !== null) return
    this.#monitor.shift()
    if (world.fault(0.03)) {
      if (next.do === 'capture' && world.dice.chance(0.5)) this.#partOfFailedCapture()
      this.tell({ on: `${next.do}-failed`, attempt, error: 'EIO' })
    } else if (next.do === 'capture') {
      this.#captured = { step: guest.step }
      this.tell({ on: 'captured', attempt, bytes: 1 })
    } else {
      guest.running = next.do === 'resume'
      this.tell({ on: next.do === 'pause' ? 'paused' : 'resumed', attempt })
    }
  }

  /** Some of it is with the peer already. */
  #partOfFailedCapture(): void {
    const { run } = this
    const { epoch } = this.epochs
    this.#memoryPart(run, epoch)
    this.#send({ on: 'part', run, epoch, kind: 'device', bytes: 1, payload: this.guest.step })
  }

  claim(what: Wish, run: number): void {
    this.#claimsUnderWay++
    const wanted: Record<typeof what, Partial<Claim>> = {
      lockstep: { run },
      none: { run: null },
      alone: { run: null, peerListed: false },
      listed: { peerListed: true },
      unlisted: { run: null, peerListed: false },
    }
    if (what === 'listed') this.mayBeListed = true
    this.world.witness.ask(
      this.host,
      ({ term }) => (term === this.term ? wanted[what] : null),
      (stored) => this.#stored(what, run, stored),
    )
  }

  #stored(what: Wish, run: number, stored: Claim | null): void {
    if (!this.alive) return
    this.#claimsUnderWay--
    if (stored === null) {
      this.tell({ on: 'spent' })
      return
    }
    if (what === 'listed') {
      this.isListed = true
      return
    }
    if (what === 'alone' || what === 'unlisted') {
      this.mayBeListed = false
      this.isListed = false
      this.#answerIfDone()
    }
    if (what === 'unlisted') this.tell({ on: 'unlisted' })
    else this.tell({ on: 'claimed', claim: what, run })
  }

  peerLost(): void {
    this.resyncSeq = 0
    this.#answerIfDone()
    const underWay = this.#claimsUnderWay
    this.tell({ on: 'peer-lost', error: 'ECONNRESET' })
    // The mirror asks for it where lockstep did not.
    if (this.mayBeListed && this.epochs.life !== 'parting' && underWay === this.#claimsUnderWay) this.claim('unlisted', this.run)
  }

  hears(said: Up): void {
    if (said.say !== 'done') {
      if (said.say === 'failed') this.tell({ on: 'standby-failed', run: said.run, error: said.error })
      else if (said.say === 'ack') this.tell({ on: 'ack', run: said.run, epoch: said.epoch })
      else this.tell({ on: said.say === 'press' ? 'pressed' : said.say, run: said.run })
    } else if (said.seq === this.resyncSeq) {
      this.resyncSeq = 0
      this.claim('listed', 0)
    } else if (said.seq === this.#writingSeq && this.guest.writing !== null) this.guest.answered()
  }
}

import { LockstepPrimary } from '../../../lib/daemon/worker/lockstep/lockstep-primary'
import type { EpochLink } from '../../../lib/daemon/worker/lockstep/outbox'
import { PAGE_BYTES } from '../../../lib/ports/changed-memory'
import { ClaimKeeper, type Keeping, type Wish } from './claim-keeper'
import { CELLS, type Guest } from './guest'
import type { Down, Up } from './link'
import type { Machine } from './machine'
import { MEMORY_BYTES } from './memory'
import type { World } from './world'

const LIMITS = {
  epochs: {
    pacing: { intervalMinMs: 2, intervalMaxMs: 20, pauseShareMax: 0.5 },
    firstCopy: { lastBytesMax: 3 * PAGE_BYTES, passesMax: 3 },
    ...{ pauseLimitMs: 60, inFlightMax: 2, outputDelayMaxMs: 40, claimLimitMs: 150 },
  },
  parts: { lookBytes: 2 * PAGE_BYTES, partBytes: PAGE_BYTES, queuedBytesMax: 3 * PAGE_BYTES },
}

/** The worker of the host that holds the claim, with a mirror that is as simple as may be: the guest outlives it. */
export class PrimarySide implements Keeping {
  readonly lockstep: LockstepPrimary
  readonly #keeper: ClaimKeeper
  alive = true
  /** The claim lists the peer, or may. */
  mayBeListed: boolean
  isListed = false
  session = 0
  resyncSeq = 0
  #run = 0
  #isBeginning = false
  #answer: 'local' | 'both' = 'both'
  #seq = 0
  #writingSeq = 0
  readonly #link: EpochLink

  constructor(
    private readonly world: World,
    readonly host: number,
    readonly term: number,
    readonly machine: Machine,
    fresh: boolean,
  ) {
    this.mayBeListed = !fresh
    this.#keeper = new ClaimKeeper(world.witness, this)
    const { link } = world
    this.#link = {
      send: (frame) => this.#send(frame),
      get queuedBytes() {
        return link.queuedBytes
      },
    }
    this.lockstep = new LockstepPrimary(
      {
        clock: { nowMs: () => world.nowMs },
        timers: world.timers(this),
        openCapture: async () => {
          if (machine.gone) return null
          return { capture: await machine.capture(this, !fresh), memoryBytes: MEMORY_BYTES, way: 'devices' }
        },
        holdOutput: async (events) => (machine.gone ? null : machine.hold(this, events)),
        link: () => (this.#isConnected ? this.#link : null),
        term: () => term,
        newRun: () => (this.#run = world.newRun()),
        claim: (wish, run) => this.#claim(wish, run),
        answer: (when) => {
          if (!this.alive) return
          this.#answer = when
          this.#answerIfDone()
        },
        destroy: () => {
          if (this.alive) world.destroyed(this)
        },
        tell: (news) => {
          if (this.alive) world.met(`told ${news.what}`)
        },
        note: (text) => world.met(`note ${text}`),
      },
      fresh,
      LIMITS,
    )
  }

  get guest(): Guest {
    return this.machine.guest
  }

  get isQuiet(): boolean {
    return this.#keeper.isQuiet && !this.#isBeginning
  }

  /** Its guest's write waits for what the claim is to say. */
  get waitsForWitness(): boolean {
    return this.guest.writing !== null && !this.#keeper.isQuiet
  }

  get #isConnected(): boolean {
    return this.alive && this.world.link.isUp && this.session === this.world.link.session
  }

  /** The guest does something. */
  step(): void {
    const { guest, world } = this
    if (!guest.running || guest.writing !== null) return
    guest.step = world.history.step(guest.step)
    const what = world.dice.below(3)
    if (what === 0) this.machine.sends(guest.step)
    if (what === 1) this.#write(world.dice.below(CELLS))
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
    this.#send({ type: 'change', change: { seq: this.#seq, ...writing } })
    this.#answerIfDone()
  }

  get #disk(): number[] {
    return this.world.diskOf(this.host)
  }

  #answerIfDone(): void {
    if (this.#answer === 'local' || (!this.mayBeListed && this.resyncSeq === 0)) this.guest.answered()
  }

  #send(frame: Down): void {
    if (!this.#isConnected) return
    this.world.moment(this, `sends ${frame.type}`)
    this.world.sendDown(this, frame)
  }

  async begin(): Promise<void> {
    this.#isBeginning = true
    const why = await this.lockstep.begin()
    if (this.alive) this.world.met(why === '' ? 'begun' : 'not begun')
    this.#isBeginning = false
  }

  resync(): void {
    this.resyncSeq = ++this.#seq
    this.#send({ type: 'change', change: { seq: this.#seq, all: [...this.#disk] } })
  }

  /** The mirror does not want the peer to be listed any more. */
  unlist(): void {
    this.#claim('unlisted', this.#run)
  }

  #claim(what: Wish, run: number): void {
    if (!this.alive) return
    if (what === 'listed') this.mayBeListed = true
    this.#keeper.ask(what, run)
    this.world.moment(this, `claims ${what}`)
  }

  stored(what: Wish, run: number): void {
    this.world.moment(this, `stored ${what}`)
    if (!this.alive) return
    if (what === 'listed') {
      this.isListed = true
      return
    }
    if (what === 'alone' || what === 'unlisted') {
      this.mayBeListed = false
      this.isListed = false
      this.#answerIfDone()
    }
    if (what === 'unlisted') this.lockstep.unlisted()
    else this.lockstep.claimed(what, run)
  }

  spent(): void {
    this.lockstep.spent()
  }

  peerLost(): void {
    if (!this.alive) return
    this.resyncSeq = 0
    this.#answerIfDone()
    const { isQuiet } = this.#keeper
    this.lockstep.peerLost('ECONNRESET')
    // The mirror asks for it where lockstep did not.
    if (this.mayBeListed && this.lockstep.life !== 'parting' && isQuiet === this.#keeper.isQuiet) this.unlist()
  }

  hears(said: Up): void {
    this.world.moment(this, `hears ${said.type}`)
    if (!this.alive) return
    if (said.type !== 'done') this.lockstep.frame(said)
    else if (said.seq === this.resyncSeq) {
      this.resyncSeq = 0
      this.#claim('listed', 0)
    } else if (said.seq === this.#writingSeq && this.guest.writing !== null) this.guest.answered()
  }
}

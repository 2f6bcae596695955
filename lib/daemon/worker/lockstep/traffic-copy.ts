import { TrafficBudget } from '../../../core/checkpoint/recent-traffic'
import type { FrameWay, GuestFrame } from '../../../core/domain/guest-frame'
import { packedBytes } from '../../../wire/guest-frames'
import type { EpochLink } from './outbox'

export interface TrafficCopyNeeds {
  readonly link: () => EpochLink | null
  readonly term: () => number
}

/** Those of one way and epoch that came in one turn. */
interface Batch {
  readonly way: FrameWay
  readonly epoch: number
  readonly frames: GuestFrame[]
}

/** Copies some of the guest's traffic to the peer, at once: the host may be lost the next moment. */
export class TrafficCopy {
  /** The epochs that are open for what is sent, and for what comes; null while no standby could go on. */
  #of: ({ readonly run: number } & Readonly<Record<FrameWay, number>>) | null = null
  readonly #budget = new TrafficBudget()
  #batches: Batch[] = []

  constructor(private readonly needs: TrafficCopyNeeds) {}

  /** The guest is about to stand: what comes from now on may wait in its machine instead of being in its state. */
  pause(): void {
    if (this.#of !== null) this.#of = { ...this.#of, came: this.#of.sent + 1 }
  }

  /** A pause that serves for nothing is counted, too: what comes is then taken for later than it is, and left out or repeated. */
  cut(run: number, epoch: number): void {
    this.#of = { run, sent: epoch + 1, came: epoch + 1 }
    this.#budget.renew()
  }

  end(): void {
    this.#of = null
    this.#batches = []
  }

  frame(way: FrameWay, frame: GuestFrame): void {
    if (this.#of === null || !this.#budget.admits(way, packedBytes(frame))) return
    const epoch = this.#of[way]
    const last = this.#batches.at(-1)
    if (this.#batches.length === 0) queueMicrotask(() => this.#send())
    if (last?.way === way && last.epoch === epoch) last.frames.push(frame)
    else this.#batches.push({ way, epoch, frames: [frame] })
  }

  #send(): void {
    const [link, of] = [this.needs.link(), this.#of]
    for (const { way, epoch, frames } of this.#batches.splice(0))
      if (of !== null) link?.send({ type: 'epoch-traffic', run: of.run, epoch, way, frames, term: this.needs.term() })
  }
}

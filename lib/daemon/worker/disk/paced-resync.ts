import { BLOCK_BYTES } from '../../../core/domain/blocks'
import type { Side } from '../../../core/mirror/events'
import { Pace, type PaceLimits } from '../../../core/mirror/pace'
import type { Replica } from '../../../core/mirror/replica'
import type { ResyncProgress } from '../../../wire/daemon-api'
import { TICK_MS } from '../parts'
import { ResyncMeter } from './resync-meter'

type Replicas = Readonly<Record<Side, Pick<Replica, 'state' | 'dirty'>>>

/** The last resync of a disk, from its beginning until its target is a member: how much it may copy, and how far it is. */
export class PacedResync {
  readonly #pace: Pace
  #last: { readonly side: Side; readonly meter: ResyncMeter } | null = null

  constructor(
    limits: PaceLimits,
    private readonly replicas: Replicas,
  ) {
    this.#pace = new Pace(limits)
  }

  /** `host`: the target's. Answers the bytes that it may copy until the next tick. */
  begins(side: Side, host: string): number {
    this.#last = { side, meter: new ResyncMeter(host, this.replicas[side].dirty.count * BLOCK_BYTES) }
    return this.#pace.allowance(TICK_MS)
  }

  /** A request of the guest was answered. */
  answered(tookMs: number): void {
    if (this.#last !== null) this.#pace.answered(tookMs)
  }

  /** Bytes that it may copy until the next tick. Null when it is over: what members compare gets no limit, for none would follow it. */
  tick(): number | null {
    if (this.#last !== null && this.replicas[this.#last.side].state === 'member') this.#last = null
    return this.#last === null ? null : this.#pace.allowance(TICK_MS)
  }

  /** Null while nothing is resynced. */
  progress(nowMs: number): ResyncProgress | null {
    if (this.#last === null) return null
    const { side, meter } = this.#last
    const { state, dirty } = this.replicas[side]
    return state === 'resyncing' || state === 'joining' ? meter.look(dirty.count * BLOCK_BYTES, nowMs) : null
  }
}

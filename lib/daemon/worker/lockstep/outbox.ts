import type { Timer, Timers } from '../../../ports/timers'
import type { EpochOrder } from '../../../wire/peer-epochs'

/** The conversation with the peer's worker, as far as lockstep needs it. */
export interface EpochLink {
  send(frame: EpochOrder): void
  /** As PeerLink has it. */
  readonly queuedBytes: number
}

/** A link tells nobody when it has room again. */
const LOOK_AGAIN_MS = 2

/** Parts of epochs on their way to the peer: no more of them is given to the link than its queue may hold, because a guest's disk uses it, too. */
export class Outbox {
  #frames: EpochOrder[] = []
  #timer: Timer | null = null
  #waiting: (() => void)[] = []

  /** `link` null: what comes is dropped. */
  constructor(
    private readonly link: () => EpochLink | null,
    private readonly timers: Timers,
    private readonly queuedBytesMax: number,
  ) {}

  push(frames: readonly EpochOrder[]): void {
    for (const frame of frames) this.#frames.push(frame)
    if (this.#timer === null) this.#pump()
  }

  /** Resolves when all of it is with the link, or was dropped. */
  emptied(): Promise<void> {
    return this.#frames.length === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }

  clear(): void {
    this.#timer?.stop()
    this.#timer = null
    this.#frames = []
    this.#tellEmpty()
  }

  #pump(): void {
    this.#timer = null
    const link = this.link()
    let given = 0
    while (given < this.#frames.length && link !== null && link.queuedBytes < this.queuedBytesMax) {
      const frame = this.#frames[given++]
      if (frame !== undefined) link.send(frame)
    }
    this.#frames = link === null ? [] : this.#frames.slice(given)
    if (this.#frames.length > 0) this.#timer = this.timers.after(LOOK_AGAIN_MS, () => this.#pump())
    else this.#tellEmpty()
  }

  #tellEmpty(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

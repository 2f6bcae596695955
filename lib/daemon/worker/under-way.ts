import { TICK_MS } from './parts'

/** What a device was asked; when, is set when it is. */
export interface Ask {
  sinceMs: number
}

/** What a device was asked and has not answered. Times are of the caller's ticks. */
export class UnderWay {
  /** Oldest first. */
  readonly #asks = new Set<Ask>()
  #nowMs: number

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  get isEmpty(): boolean {
    return this.#asks.size === 0
  }

  begin(ask: Ask): void {
    ask.sinceMs = this.#nowMs
    this.#asks.add(ask)
  }

  end(ask: Ask): void {
    this.#asks.delete(ask)
  }

  /** Answers for how many milliseconds the oldest one has been waited for. */
  tick(nowMs: number): number {
    // A process that stood still hears its timers before the answers that came meanwhile: the device was not silent.
    const lateMs = nowMs - this.#nowMs - TICK_MS
    if (lateMs > TICK_MS) for (const ask of this.#asks) ask.sinceMs += lateMs
    this.#nowMs = nowMs
    const [oldest] = this.#asks
    return oldest === undefined ? 0 : nowMs - oldest.sinceMs
  }
}

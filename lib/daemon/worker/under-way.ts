import { must } from '../../core/domain/assert'
import { TICK_MS } from './parts'

/** What a device was asked; when, and its place among the others, are set when it is. */
export interface Ask {
  sinceMs: number
  place: number
}

/** What a device was asked and has not answered. Times are of the caller's ticks. */
export class UnderWay {
  /** In any order. No Set: see Numbered. */
  readonly #asks: Ask[] = []
  #nowMs: number

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  get isEmpty(): boolean {
    return this.#asks.length === 0
  }

  begin(ask: Ask): void {
    ask.sinceMs = this.#nowMs
    ask.place = this.#asks.push(ask) - 1
  }

  end(ask: Ask): void {
    const last = must(this.#asks.pop(), 'what ends is under way')
    last.place = ask.place
    if (last !== ask) this.#asks[ask.place] = last
  }

  /** Answers for how many milliseconds the oldest one has been waited for. */
  tick(nowMs: number): number {
    // A process that stood still hears its timers before the answers that came meanwhile: the device was not silent.
    const lateMs = nowMs - this.#nowMs - TICK_MS
    if (lateMs > TICK_MS) for (const ask of this.#asks) ask.sinceMs += lateMs
    this.#nowMs = nowMs
    return this.#asks.reduce((longestMs, { sinceMs }) => Math.max(longestMs, nowMs - sinceMs), 0)
  }
}

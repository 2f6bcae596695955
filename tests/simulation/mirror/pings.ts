const PING_EVERY_MS = 200

/** Pings on their way, and when each was said. */
export class Pings {
  readonly #asked = new Map<number, number>()
  #last = 0
  #lastAt = -Infinity

  areDue(now: number): boolean {
    return now >= this.#lastAt + PING_EVERY_MS
  }

  /** Number of a ping said now; `hostMs` on its host's clock. */
  next(now: number, hostMs: number): number {
    this.#lastAt = now
    this.#asked.set(++this.#last, hostMs)
    return this.#last
  }

  /** When it was said, on its host's clock. */
  answered(id: number): number | undefined {
    const hostMs = this.#asked.get(id)
    this.#asked.delete(id)
    return hostMs
  }

  forget(): void {
    this.#asked.clear()
  }
}

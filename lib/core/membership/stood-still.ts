/** More than the two clocks are read apart; less than any suspension takes. */
const SUSPENDED_MS = 100

/**
 * Notices that the machine was suspended, while its monotonic clock stood still and every promise of others ran on. It compares
 * that clock with the one that counts such times, too.
 */
export class StoodStill {
  #apartMs: number | null = null
  #lastWokeAtMs: number | null = null

  /** Both in milliseconds, read one after the other. True when the machine was suspended since the last look. */
  look(nowMs: number, bootMs: number): boolean {
    const apartMs = bootMs - nowMs
    const wasSuspended = this.#apartMs !== null && apartMs - this.#apartMs > SUSPENDED_MS
    if (this.#apartMs === null || wasSuspended) this.#apartMs = apartMs
    if (wasSuspended) this.#lastWokeAtMs = nowMs
    return wasSuspended
  }

  /** On the monotonic clock; null: it never slept while we looked. */
  get lastWokeAtMs(): number | null {
    return this.#lastWokeAtMs
  }
}

const AT_ONCE = 2
const PAUSE_FIRST_MS = 100
const PAUSE_LAST_MS = 5000

/** How long to wait before a process is started again: not at all, unless it dies at its start again and again. */
export class RestartPause {
  #deathsAtStart = 0
  #cameUp = false

  /** The process of now has come as far as to be useful. */
  up(): void {
    this.#cameUp = true
  }

  get isUp(): boolean {
    return this.#cameUp
  }

  /** Milliseconds until the next start. */
  ended(): number {
    this.#deathsAtStart = this.#cameUp ? 0 : this.#deathsAtStart + 1
    this.#cameUp = false
    const beyond = this.#deathsAtStart - AT_ONCE
    return beyond <= 0 ? 0 : Math.min(PAUSE_FIRST_MS * 2 ** (beyond - 1), PAUSE_LAST_MS)
  }
}

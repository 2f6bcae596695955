/** A process that lived as long as this had started. */
const START_MS = 1000
const AT_ONCE = 2
const PAUSE_FIRST_MS = 100
const PAUSE_LAST_MS = 5000

/** How long to wait before a process is started again: not at all, unless it dies at its start again and again. */
export class RestartPause {
  #deathsAtStart = 0

  ended(livedMs: number): number {
    this.#deathsAtStart = livedMs < START_MS ? this.#deathsAtStart + 1 : 0
    const beyond = this.#deathsAtStart - AT_ONCE
    return beyond <= 0 ? 0 : Math.min(PAUSE_FIRST_MS * 2 ** (beyond - 1), PAUSE_LAST_MS)
  }
}

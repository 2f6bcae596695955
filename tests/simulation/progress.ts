const EVERY_MS = 500
/** Where lines cannot be written over. */
const SELDOM_MS = 30_000

/** How far many seeds have come, in one line that is written over; where that is not possible, in a line now and then. */
export class Progress {
  steps = 0
  #done = 0
  #saidAt: number
  readonly #begunAt = Date.now()

  constructor(
    private readonly of: number,
    private readonly write: (text: string) => void,
    private readonly canOverwrite: boolean,
  ) {
    this.#saidAt = this.#begunAt
  }

  /** Another seed is done, after so many events. */
  one(steps: number, nowMs: number): void {
    this.#done++
    this.steps += steps
    if (nowMs < this.#saidAt + (this.canOverwrite ? EVERY_MS : SELDOM_MS)) return
    this.#saidAt = nowMs
    const seconds = (nowMs - this.#begunAt) / 1000
    const leftSeconds = Math.round((seconds / this.#done) * (this.of - this.#done))
    const text = `${this.#done} of ${this.of} seeds, ${(this.#done / seconds).toFixed(1)} a second, ${leftSeconds} s left`
    this.write(this.canOverwrite ? `\r${text}\u001b[K` : `${text}\n`)
  }

  clear(): void {
    if (this.canOverwrite) this.write('\r\u001b[K')
  }
}

/** Five seconds of heartbeats: long enough for a percentage, short enough that what is over is soon forgotten. */
const WINDOW = 50
/** A fifth: a link that loses so many at random loses the six in a row that make a suspicion about twice an hour. */
const MANY = 10
/** Fewer than that end the finding: between the two it stays as it is. */
const FEW = 5
/** A heartbeat that comes half an interval after the next one was due was held up somewhere. */
export const LATE_MS = 150

/** One link of one peer: which share of its heartbeats is lost or late. */
export class LinkHealth {
  /** Of the last heartbeats that should have come: whether they did. */
  #came: boolean[] = []
  /** Of the last that came: arrival on our clock, less sending on the sender's. The smallest is the quickest way. */
  #offsets: number[] = []
  #counter: number | null = null
  #lossy = false
  #late = false

  /** `sentMs`: null when the sender does not tell, or when our own process was late to look. */
  received(counter: number, atMs: number, sentMs: number | null): void {
    const missing = this.#counter === null ? 0 : Math.min(counter - this.#counter - 1, WINDOW)
    this.#counter = counter
    this.#came = [...this.#came, ...Array<boolean>(missing).fill(false), true].slice(-WINDOW)
    if (sentMs !== null) this.#offsets = [...this.#offsets, atMs - sentMs].slice(-WINDOW)
    this.#lossy = judged(this.#lossy, this.lost)
    this.#late = judged(this.#late, this.late)
  }

  /** After a silence, a restart of the sender, or a pause of ours: what came before says nothing. */
  forget(): void {
    this.#came = []
    this.#offsets = []
    this.#counter = null
    this.#lossy = this.#late = false
  }

  get isLossy(): boolean {
    return this.#lossy
  }

  get isLate(): boolean {
    return this.#late
  }

  /** Of the last fifty. */
  get lost(): number {
    return this.#came.filter((came) => !came).length
  }

  get late(): number {
    const quickest = Math.min(...this.#offsets)
    return this.#offsets.filter((offset) => offset - quickest > LATE_MS).length
  }
}

const judged = (before: boolean, count: number): boolean => count > MANY || (before && count >= FEW)

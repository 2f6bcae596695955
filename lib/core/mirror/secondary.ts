/**
 * The peer's replica of one VM's disks: does what the primary says, as long as the primary's term is the highest it has seen
 * and it is not sealed. Sealing comes before taking the claim over: from then on the old primary can get nothing acknowledged.
 */

export type SecondaryVerdict = 'do' | 'refuse-term' | 'sealed'

export class Secondary {
  #sealed = false
  #lastPromiseMs: number
  #lastHeardMs = Number.NEGATIVE_INFINITY
  /** The highest term whose primary has said that it answers nothing any more. */
  #spentTerm = Number.NEGATIVE_INFINITY

  /** `term`: the highest this replica has accepted, from its metadata. `nowMs`: a restart forgets promises, so it counts as one. */
  constructor(
    private highestTerm: number,
    nowMs: number,
  ) {
    this.#lastPromiseMs = nowMs
  }

  get term(): number {
    return this.highestTerm
  }

  get sealed(): boolean {
    return this.#sealed
  }

  /** When this side last promised the primary not to take the claim for a lease. */
  get lastPromiseMs(): number {
    return this.#lastPromiseMs
  }

  /** When it last heard a primary that has not given its claim away; of the same clock. */
  get lastHeardMs(): number {
    return this.#lastHeardMs
  }

  /** A primary introduces itself, or a frame of it arrives. `raise`: its term is new and must be on disk before it is served. */
  judge(term: number): { verdict: SecondaryVerdict; raise: boolean } {
    if (this.#sealed) return { verdict: 'sealed', raise: false }
    if (term < this.highestTerm) return { verdict: 'refuse-term', raise: false }
    return { verdict: 'do', raise: term > this.highestTerm }
  }

  raised(term: number): void {
    this.highestTerm = Math.max(this.highestTerm, term)
  }

  /**
   * Its primary of that term gave the claim away, and answers nothing any more: no promise to it, or to one before it, binds. A word of an
   * earlier primary means nothing.
   */
  spent(term: number): void {
    if (term < this.highestTerm) return
    this.#spentTerm = term
    this.#lastPromiseMs = Number.NEGATIVE_INFINITY
    // Whoever is told to take the claim now need not wait for anything of it.
    this.#lastHeardMs = Number.NEGATIVE_INFINITY
  }

  /** Nothing is promised to it any more, whenever it asked. */
  isSpent(term: number): boolean {
    return term <= this.#spentTerm
  }

  /** A sign of life of the primary of that term. */
  heard(term: number, nowMs: number): void {
    if (!this.isSpent(term)) this.#lastHeardMs = nowMs
  }

  promised(nowMs: number): void {
    this.#lastPromiseMs = Math.max(this.#lastPromiseMs, nowMs)
  }

  seal(): void {
    this.#sealed = true
  }

  unseal(): void {
    this.#sealed = false
  }
}

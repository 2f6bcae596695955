/** The daemon's word that the holder's machine cannot act any more. It stands for as long as it was given for. */
export class FenceWord {
  #untilMs = Number.NEGATIVE_INFINITY
  #listeners: (() => void)[] = []

  /** With each request to take over; one without it takes the word back. Null: until then. */
  told(fenced: { readonly untilMs: number | null } | undefined): void {
    this.#untilMs = fenced === undefined ? Number.NEGATIVE_INFINITY : (fenced.untilMs ?? Number.POSITIVE_INFINITY)
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }

  stands(nowMs: number): boolean {
    return nowMs < this.#untilMs
  }

  /** Resolves when it is given, or taken back. */
  news(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve))
  }
}

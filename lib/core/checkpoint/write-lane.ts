/** Changes on their way to the replica: some are being written, the rest waits for them, because they may overlap. */
export class WriteLane<Change> {
  #waiting: Change[] = []
  #busy = false
  #error = ''
  #forgives = false

  get isIdle(): boolean {
    return !this.#busy && this.#waiting.length === 0
  }

  /** Of the first write that failed; '' while none has. */
  get error(): string {
    return this.#error
  }

  add(changes: readonly Change[]): void {
    for (const change of changes) this.#waiting.push(change)
  }

  /** What is to be written now, if anything is. */
  next(): readonly Change[] | null {
    if (this.#busy || this.#waiting.length === 0) return null
    const changes = this.#waiting
    this.#waiting = []
    this.#busy = true
    return changes
  }

  written(error: string): void {
    this.#busy = false
    if (this.#error === '') this.#error = error
    if (this.#forgives) this.forgive()
  }

  /** What failed, also of what is on its way, does not count once that is through: the replica is made good otherwise. */
  forgive(): void {
    this.#forgives = !this.isIdle
    if (this.isIdle) this.#error = ''
  }

  /** Whatever is on its way counts again: what the replica is good for is asked now. */
  insist(): void {
    this.#forgives = false
  }
}

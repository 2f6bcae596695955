/** Complete epochs that are to be applied to the standby's memory, one after the other, and which of them are acknowledged. */
export class Backlog {
  #complete = -1
  #applying = -1
  #applied = -1
  #acknowledged = -1
  readonly #bytes = new Map<number, number>()

  /** The newest one; -1: none. */
  get complete(): number {
    return this.#complete
  }

  get isApplied(): boolean {
    return this.#applied === this.#complete
  }

  /** Of those that are not applied. */
  get bytes(): number {
    return [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  completed(bytes: number): void {
    this.#complete++
    this.#bytes.set(this.#complete, bytes)
  }

  /** The next one, if none is being applied. */
  get toApply(): number | null {
    return this.#applying === this.#applied && this.#applied < this.#complete ? this.#applied + 1 : null
  }

  apply(epoch: number): number {
    this.#applying = epoch
    return epoch
  }

  applied(epoch: number): void {
    if (epoch !== this.#applying) return
    this.#applied = epoch
    this.#bytes.delete(epoch)
  }

  /** The newest one that may be acknowledged and is not; it is from now on. Late, when the standby is slow: then the primary waits. */
  acknowledge(backlogMax: number): number | null {
    const newest = Math.min(this.#complete, this.#applied + backlogMax)
    if (newest <= this.#acknowledged) return null
    this.#acknowledged = newest
    return newest
  }
}

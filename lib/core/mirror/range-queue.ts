interface Waiting {
  readonly id: number
  readonly offset: number
  readonly end: number
}

/**
 * Keeps overlapping writes apart: an operation runs only when no earlier one that touches the same bytes is still running or
 * waiting. So both replicas see overlapping writes in one order, whatever the disks and links do.
 */
export class RangeQueue {
  /** In order of arrival; running and waiting together. */
  readonly #entries: Waiting[] = []
  readonly #running = new Set<number>()

  get size(): number {
    return this.#entries.length
  }

  /** True when the operation may run at once. */
  enter(id: number, offset: number, length: number): boolean {
    const entry = { id, offset, end: offset + length }
    const free = !this.#entries.some((other) => overlap(other, entry))
    this.#entries.push(entry)
    if (free) this.#running.add(id)
    return free
  }

  /** Ids that may run now that `id` is over, oldest first. */
  leave(id: number): number[] {
    const index = this.#entries.findIndex((entry) => entry.id === id)
    const gone = this.#entries[index]
    if (gone === undefined) return []
    this.#entries.splice(index, 1)
    this.#running.delete(id)
    const freed: number[] = []
    for (const [at, entry] of this.#entries.entries()) {
      if (this.#running.has(entry.id) || !overlap(entry, gone)) continue
      if (this.#entries.slice(0, at).some((earlier) => overlap(earlier, entry))) continue
      this.#running.add(entry.id)
      freed.push(entry.id)
    }
    return freed
  }
}

const overlap = (a: Waiting, b: Waiting): boolean => a.offset < b.end && b.offset < a.end

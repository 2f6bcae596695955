/** A stretch of the disk, in bytes. One of no length overlaps nothing. */
export interface Ranged {
  readonly request: { readonly offset: number; readonly length: number }
}

const NONE: readonly never[] = []

/**
 * Keeps overlapping changes apart: an operation runs only when no earlier one that touches the same bytes is still running or
 * waiting. So both replicas see overlapping changes in one order, whatever the disks and links do.
 */
export class RangeQueue<T extends Ranged> {
  readonly #running: T[] = []
  /** In order of arrival. */
  readonly #waiting: T[] = []

  /** `lets`: the running one does not hold the next one up, although they overlap. */
  constructor(private readonly lets: (running: T, next: T) => boolean = () => false) {}

  get running(): readonly T[] {
    return this.#running
  }

  get waiting(): readonly T[] {
    return this.#waiting
  }

  /** True when the operation may run at once. */
  enter(item: T): boolean {
    const free = !this.#isHeldUp(item) && !meets(item, this.#waiting)
    ;(free ? this.#running : this.#waiting).push(item)
    return free
  }

  /** Those that may run now that `item` is over, oldest first. */
  leave(item: T): readonly T[] {
    const at = this.#running.indexOf(item)
    const last = this.#running.pop()
    if (last !== item && last !== undefined) this.#running[at] = last
    return this.freed()
  }

  /** Those that may run now, oldest first: what `lets` says has changed. */
  freed(): readonly T[] {
    if (this.#waiting.length === 0) return NONE
    const freed: T[] = []
    const still: T[] = []
    for (const next of this.#waiting) {
      if (this.#isHeldUp(next) || meets(next, still)) still.push(next)
      else {
        this.#running.push(next)
        freed.push(next)
      }
    }
    this.#waiting.splice(0, this.#waiting.length, ...still)
    return freed
  }

  #isHeldUp(next: T): boolean {
    for (const running of this.#running) if (overlap(next, running) && !this.lets(running, next)) return true
    return false
  }
}

function meets(item: Ranged, others: readonly Ranged[]): boolean {
  for (const other of others) if (overlap(item, other)) return true
  return false
}

export const overlap = ({ request: one }: Ranged, { request: two }: Ranged): boolean =>
  two.offset < one.offset + one.length && one.offset < two.offset + two.length

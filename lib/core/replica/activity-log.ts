import { extentAt, extentsOn, HOT_EXTENTS_MAX, lastExtent } from '../domain/blocks'

/** Left again in batches, so that a guest that wanders pays for stable storage once in so many extents. */
const LEAVE_AT_ONCE = 64
/** Extents entered ahead of a sequential writer, for the same reason. */
const AHEAD = 7

/**
 * The extents of a replica that may differ from the other one. A change reaches the replica only when its extents are in the
 * log on stable storage; an extent leaves when what was written there is known to be on both, or is in the dirty bitmap.
 */
export class ActivityLog {
  /** Extent -> number of the last change in it; 0 for one that was entered ahead. */
  readonly #hot = new Map<number, number>()
  #settledBefore = 0

  constructor(
    private readonly sizeBytes: number,
    private readonly limit = HOT_EXTENTS_MAX,
  ) {}

  get extents(): number[] {
    return [...this.#hot.keys()]
  }

  /** True when the change may go ahead at once. Remembers its number. Lengths in bytes, at least one. */
  admits(offset: number, length: number, seq: number): boolean {
    const first = extentAt(offset)
    const last = lastExtent(offset, length)
    for (let extent = first; extent <= last; extent++) if (!this.#hot.has(extent)) return false
    // One that has waited comes after later ones.
    for (let extent = first; extent <= last; extent++) this.#hot.set(extent, Math.max(seq, this.#hot.get(extent) ?? 0))
    return true
  }

  settled(before: number): void {
    this.#settledBefore = Math.max(this.#settledBefore, before)
  }

  /** Those whose changes are not known to be on both replicas. */
  unsettled(): number[] {
    return [...this.#hot].filter(([, seq]) => seq >= this.#settledBefore).map(([extent]) => extent)
  }

  get isSettled(): boolean {
    return this.#hot.size === 0 || this.unsettled().length === 0
  }

  /** How many extents were changed by requests numbered above `seq`: they cannot be settled before that one is. */
  changedSince(seq: number): number {
    let extents = 0
    for (const last of this.#hot.values()) if (last > seq) extents++
    return extents
  }

  /** Bytes, at least one. */
  extentsIn(offset: number, length: number): number {
    return lastExtent(offset, length) - extentAt(offset) + 1
  }

  /** So many may be changed past a request that waits for room, so that there will be room for it. */
  get overtakeMax(): number {
    return this.limit / 2
  }

  /**
   * Makes room for the extents of as many of the ranges as fit, in their order. Only settled extents leave, unless `any` may. Null
   * when there is no room for the first one.
   */
  plan(ranges: readonly { offset: number; length: number }[], any: boolean): Turnover | null {
    const mayLeave = new Set([...this.#hot].filter(([, seq]) => any || seq < this.#settledBefore).map(([extent]) => extent))
    const enter = new Set<number>()
    const fits = (extents: readonly number[]): boolean => {
      const kept = extents.filter((extent) => mayLeave.has(extent)).length
      const more = extents.filter((extent) => !this.#hot.has(extent) && !enter.has(extent)).length
      return this.#hot.size + enter.size + more <= this.limit + mayLeave.size - kept
    }
    const take = (extents: readonly number[]): void => {
      for (const extent of extents) {
        if (this.#hot.has(extent)) mayLeave.delete(extent)
        else enter.add(extent)
      }
    }
    for (const range of ranges) {
      const extents = [this.#around(range), this.#of(range)].find(fits)
      if (extents === undefined) break
      take(extents)
      if (enter.size >= this.limit / 2) break
    }
    if (enter.size === 0) return null
    const missing = this.#hot.size + enter.size - this.limit
    if (missing <= 0) return { enter: [...enter], leave: [] }
    const oldest = [...mayLeave].sort((a, b) => (this.#hot.get(a) ?? 0) - (this.#hot.get(b) ?? 0))
    return { enter: [...enter], leave: oldest.slice(0, missing + LEAVE_AT_ONCE) }
  }

  #of({ offset, length }: { offset: number; length: number }): number[] {
    const first = extentAt(offset)
    return Array.from({ length: this.extentsIn(offset, length) }, (_, n) => first + n)
  }

  /** The extents of a range, and some more when the one before it is hot. */
  #around(range: { offset: number; length: number }): number[] {
    const extents = this.#of(range)
    const first = extents[0] ?? 0
    const end = extentsOn(this.sizeBytes)
    if (!this.#hot.has(first - 1)) return extents
    return Array.from({ length: Math.min(extents.length + AHEAD, end - first) }, (_, n) => first + n)
  }

  /** Nothing is hot, and changes are numbered from one again. */
  restart(): void {
    this.#hot.clear()
    this.#settledBefore = 0
  }

  /** They are no longer relied upon. Said before the log without them is on stable storage. */
  leave(extents: readonly number[]): void {
    for (const extent of extents) this.#hot.delete(extent)
  }

  /** The log with them is on stable storage. */
  entered(extents: readonly number[]): void {
    for (const extent of extents) this.#hot.set(extent, 0)
  }
}

export interface Turnover {
  readonly enter: readonly number[]
  readonly leave: readonly number[]
}

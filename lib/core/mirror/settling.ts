import { extentAt, lastExtent } from '../domain/blocks'

/** The part of an activity log that may wait to be settled: so that this and what comes meanwhile always fit into it. */
const TOUCHED_SHARE = 0.25
/** A guest's own flush settles when it is worth the frame. */
const TOUCHED_WORTH = 32
const FLUSHES_WORTH = 64

/**
 * When is a change on stable storage on both replicas? When a flush that began after its answer is done on both. Told to the
 * replicas now and then, so that their activity logs can forget; asked for by a flush of our own when they would fill up.
 */
export class Settling<Flush> {
  readonly #touched = new Set<number>()
  #flushes = 0
  #under: { flush: Flush; before: number } | null = null
  /** More than what is touched waits to be settled. */
  #missed = false
  /** What the replicas noted before they joined may be forgotten once this request is settled. */
  #clearAfter = Number.POSITIVE_INFINITY

  /** `hotExtentsMax`: what an activity log holds. */
  constructor(private readonly hotExtentsMax: number) {}

  /** A change goes to the replicas. Bytes. */
  changed(offset: number, length: number): void {
    const last = lastExtent(offset, length)
    for (let extent = extentAt(offset); extent <= last; extent++) this.#touched.add(extent)
  }

  /**
   * What was changed while one replica was away is in the other one's log, and only now can it be settled. `last`: number of the last
   * request that was asked of a replica.
   */
  joined(last: number): void {
    this.#missed = true
    this.#clearAfter = last
  }

  /** A replica is lost again. */
  parted(): void {
    this.#clearAfter = Number.POSITIVE_INFINITY
  }

  /** True once for each time that the replicas joined: all that was asked of them by then is settled when everything below `before` is. */
  clears(before: number): boolean {
    if (before <= this.#clearAfter) return false
    this.#clearAfter = Number.POSITIVE_INFINITY
    return true
  }

  /** A flush of our own is due; only one of both replicas helps. */
  get isPressing(): boolean {
    return this.#under === null && (this.#missed || this.#touched.size >= TOUCHED_SHARE * this.hotExtentsMax)
  }

  get hasUnsettled(): boolean {
    return this.#under === null && (this.#missed || this.#touched.size > 0)
  }

  /**
   * A flush is asked of all replicas; every change numbered below `before` had been answered. `ours`: it was made for this. True
   * when it will settle them: what is under way is not among them, and is to be told to `changed` again.
   */
  begins(flush: Flush, before: number, ours: boolean): boolean {
    if (this.#under !== null) return false
    this.#flushes++
    if (!ours && this.#touched.size < TOUCHED_WORTH && this.#flushes < FLUSHES_WORTH) return false
    this.#flushes = 0
    this.#missed = false
    this.#touched.clear()
    this.#under = { flush, before }
    return true
  }

  /** The flush is over. Answers what it settles; null when nothing, or when it failed on a side. */
  ended(flush: Flush, onBoth: boolean): number | null {
    if (this.#under?.flush !== flush) return null
    const { before } = this.#under
    this.#under = null
    if (!onBoth) this.#missed = true
    return onBoth ? before : null
  }
}

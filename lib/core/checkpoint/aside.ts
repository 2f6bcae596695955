import { assert } from '../domain/assert'

export interface AsideLimits {
  /** Held beyond this, the primary is asked to end its epoch. */
  readonly pressBytes: number
  /** The standby gives up rather than hold more. */
  readonly bytesMax: number
}

/** A guest's disk writes some hundred MB a second at the most: a quarter of a gigabyte is more than a second of it. */
export const ASIDE: AsideLimits = { pressBytes: 64e6, bytesMax: 256e6 }

/** Of what a change costs to hold beside its data: without it, changes without data would be held without bound. */
const CHANGE_BYTES = 256

interface Held<Change> {
  readonly change: Change
  readonly bytes: number
}

/**
 * Changes of the disk that the secondary has and may not write yet, in the order in which they came, with the ends of epochs
 * among them. Nothing leaves but from the front.
 */
export class Aside<Change> {
  #held: Held<Change>[] = []
  /** How many of those held are of this epoch or an earlier one; in order. */
  #cuts: { readonly epoch: number; upTo: number }[] = []
  #bytes = 0

  constructor(private readonly limits: AsideLimits) {}

  get count(): number {
    return this.#held.length
  }

  get isPressing(): boolean {
    return this.#bytes > this.limits.pressBytes
  }

  get isOver(): boolean {
    return this.#bytes > this.limits.bytesMax
  }

  hold(change: Change, bytes: number): void {
    this.#held.push({ change, bytes: bytes + CHANGE_BYTES })
    this.#bytes += bytes + CHANGE_BYTES
  }

  /** What is held up to now is of this epoch. Said again of the same one, when the pause before served for nothing. */
  cut(epoch: number): void {
    const last = this.#cuts.at(-1)
    if (last?.epoch === epoch) last.upTo = this.#held.length
    else {
      assert(last === undefined || epoch > last.epoch, 'epochs are cut in order')
      this.#cuts.push({ epoch, upTo: this.#held.length })
    }
  }

  /** What is of this epoch or an earlier one, to be written in this order. */
  commit(epoch: number): readonly Change[] {
    const cut = this.#cuts.filter((each) => each.epoch <= epoch).at(-1)
    this.#cuts = this.#cuts.filter((each) => each.epoch > epoch)
    return cut === undefined ? [] : this.#take(cut.upTo)
  }

  /** All, whether its epoch is committed or not. */
  takeAll(): readonly Change[] {
    this.#cuts = []
    return this.#take(this.#held.length)
  }

  #take(count: number): readonly Change[] {
    const taken = this.#held.splice(0, count)
    for (const { bytes } of taken) this.#bytes -= bytes
    for (const cut of this.#cuts) cut.upTo -= count
    return taken.map(({ change }) => change)
  }
}

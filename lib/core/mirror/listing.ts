import { type Members, type Side, SIDES } from './events'

/** What the claim lists, as far as it is known for certain, and what it should list. */
export class Listing {
  #listed: Members
  #proposed: Members
  /** One side went on alone before the witness had stored that: what it says of the other side may be from before. */
  #isAhead = false

  constructor(listed: Members) {
    this.#listed = this.#proposed = listed
  }

  get listed(): Members {
    return this.#listed
  }

  get proposed(): Members {
    return this.#proposed
  }

  isProposed(members: Members): boolean {
    return SIDES.every((side) => members[side] === this.#proposed[side])
  }

  propose(members: Members): void {
    this.#proposed = members
  }

  /** False when it is older than what is known: it lists a side that was left behind, and that `isBack` does not take for whole again. */
  hears(members: Members, isStored: boolean, isBack: (side: Side) => boolean): boolean {
    if (isStored && this.#isAhead && SIDES.some((side) => members[side] && !this.#listed[side] && !isBack(side))) return false
    this.#isAhead = !isStored
    this.#listed = members
    return true
  }
}

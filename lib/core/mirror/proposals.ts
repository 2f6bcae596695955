import { type Members, type MirrorEffect, otherSide, type Side, SIDES } from './events'
import type { Listing } from './listing'
import { isWished, type Replica } from './replica'

interface Needs {
  readonly out: (effect: MirrorEffect) => void
  /** `then` follows when the replica has put something on stable storage; one that cannot fails. */
  readonly ask: (side: Side, then: () => void) => void
}

/**
 * What the claim should list: whoever has every write, or will have had it by then.
 *
 * Must never: wish one away on behalf of one that has not answered since the other was lost. A disk that fails while nobody asks it
 * for anything is not noticed, and what it would leave may be the only good replica.
 */
export class Proposals {
  /** It was lost, and the other one has answered since. */
  #without: Side | null = null

  constructor(
    private readonly listing: Listing,
    private readonly replicas: Readonly<Record<Side, Replica>>,
    private readonly needs: Needs,
  ) {}

  /** A replica cannot be used any more. */
  lost(): void {
    this.#without = null
  }

  /** While none can serve nothing is asked for: whoever comes first decides. */
  make(patient: boolean): void {
    const { listing, replicas, needs } = this
    const members: Members = { local: isWished(replicas.local, patient), peer: isWished(replicas.peer, patient) }
    if (listing.isProposed(members)) return
    const leaving = SIDES.find((side) => (listing.listed[side] || listing.proposed[side]) && !members[side])
    if (leaving !== undefined && this.#without !== leaving) {
      this.#ask(leaving)
      return
    }
    listing.propose(members)
    const rule = leaving === undefined ? 'resync-complete' : `${leaving}-replica-lost`
    needs.out({ do: 'propose', members, rule, error: leaving === undefined ? '' : replicas[leaving].lastError })
  }

  #ask(leaving: Side): void {
    const staying = otherSide(leaving)
    // Whatever it is about to answer was asked before.
    if (this.replicas[staying].marks === 0) this.needs.ask(staying, () => (this.#without = leaving))
  }
}

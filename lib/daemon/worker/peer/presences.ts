import type { PeerLink } from '../../../ports/peer-link'
import type { Place } from '../place'
import type { Seat } from '../seat'

/** Tells the primary of each replica that can be used: once for each opening of it, in each conversation. */
export class Presences {
  #told: (Seat | undefined)[] = []

  constructor(private readonly places: readonly Place[]) {}

  /** A new conversation. */
  begin(): void {
    this.#told = []
  }

  tell(index: number, link: PeerLink): void {
    const place = this.places[index]
    if (place?.seat == null || this.#told[index] === place.seat) return
    this.#told[index] = place.seat
    const bits = place.seat.bits()
    for (const page of bits.pagesInUse()) link.send({ type: 'bits', volume: index, page, data: bits.page(page) })
    link.send({ type: 'present', volume: index, presence: place.seat.presence(place.incarnation) })
  }
}

import type { PeerLink } from '../../../../lib/ports/peer-link'
import type { PeerFrame } from '../../../../lib/wire/peer'
import type { Life } from '../../../world/schedule'
import type { PairWorld } from './pair-world'

export interface WireEnds {
  readonly toSecondary: (frame: PeerFrame, link: PeerLink) => void
  readonly toPrimary: (frame: PeerFrame) => void
  readonly down: () => void
}

/** One replication link: in order, each frame once, until it ends. */
export class Wire {
  #isUp = true
  #atMs = { there: 0, back: 0 }
  readonly link: PeerLink

  constructor(
    private readonly world: PairWorld,
    private readonly primary: Life,
    private readonly secondary: Life,
    private readonly ends: WireEnds,
  ) {
    this.link = {
      queuedBytes: 0,
      send: (frame) => this.#carry('back', this.primary, () => this.ends.toPrimary(frame)),
      close: () => this.cut(),
    }
  }

  ask(frame: PeerFrame): void {
    this.#carry('there', this.secondary, () => this.ends.toSecondary(frame, this.link))
  }

  cut(): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.ends.down()
  }

  #carry(way: 'there' | 'back', to: Life, act: () => void): void {
    const { schedule, dice } = this.world
    this.#atMs[way] = Math.max(this.#atMs[way], schedule.now + 1 + dice.below(8))
    schedule.after(
      this.#atMs[way] - schedule.now,
      () => {
        if (!this.world.isLinked) this.cut()
        if (this.#isUp) act()
      },
      to,
    )
  }
}

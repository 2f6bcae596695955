import type { SecondarySide } from './secondary'
import type { Claim, ClaimAnswer } from './witness'
import type { World } from './world'

/** A secondary on its way to the claim: sealed, it reads and swaps until it has it or may not have it. */
export class Taking {
  #claimed: number | null = null

  constructor(
    private readonly world: World,
    private readonly secondary: SecondarySide,
  ) {
    secondary.seal()
    this.#read()
  }

  #read(): void {
    this.world.witness.read(this.secondary.host, (answer) => {
      if (!this.secondary.alive) return
      if (answer === null) this.#read()
      else this.#judge(answer.claim)
    })
  }

  #judge(claim: Claim): void {
    const { world, secondary } = this
    if (claim.holder === secondary.host) {
      world.met('an answer that was lost was a yes')
      secondary.takeOver(this.#claimed)
      return
    }
    this.#claimed = claim.run
    if (!world.mayTake(secondary, claim)) {
      this.#giveUp()
      return
    }
    const change = { term: claim.term + 1, holder: secondary.host, peerListed: false, run: null }
    world.witness.swap(secondary.host, claim, change, (answer) => this.#swapped(answer))
  }

  #swapped(answer: ClaimAnswer): void {
    const { secondary } = this
    if (!secondary.alive) return
    if (answer === null) this.#read()
    else if (answer.isStored) secondary.takeOver(this.#claimed)
    else this.#giveUp()
  }

  /** Whoever is sealed has closed its conversation, which the primary learns by now. */
  #giveUp(): void {
    this.world.met('not taken')
    this.secondary.unseal()
    this.world.lose()
  }
}

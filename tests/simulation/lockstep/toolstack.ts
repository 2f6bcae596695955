import { SecondarySide } from './secondary'
import type { PrimarySide } from './primary'
import type { World } from './world'

/** What daemons do by themselves, bit by bit, to have a pair in lockstep, and what an operator wishes. */
export class Toolstack {
  /** The operator's level is lockstep. */
  #isWanted = true
  #isAsking = false
  /** Hosts that are dead stay so. */
  #deadUntilMs = 0

  constructor(private readonly world: World) {}

  /** The operator turns it: lockstep is not wanted any more, or again. */
  dial(): void {
    this.#isWanted = !this.#isWanted
    if (!this.#isWanted) this.world.primary?.lockstep.leave('the operator')
  }

  settle(): void {
    this.#isWanted = true
  }

  /** A host that dies now is not there again before. */
  keepDead(untilMs: number): void {
    this.#deadUntilMs = untilMs
  }

  work(): void {
    const { world } = this
    const { primary, link, secondary } = world
    if (world.dead.size > 0) this.#comeBack()
    this.#learn()
    if (primary === undefined || secondary === null || secondary.sealed) world.takeOver()
    else if (!link.isUp) {
      if (world.dice.chance(0.3) && !world.dead.has(primary.host) && primary.isQuiet) world.connect(primary, secondary)
      world.takeOver()
    } else if (primary.isQuiet && primary.session === link.session && primary.lockstep.life === 'alone') this.#protect(primary)
  }

  #protect(primary: PrimarySide): void {
    if (!primary.isListed) {
      if (primary.resyncSeq === 0) primary.resync()
    } else if (this.#isWanted) void primary.begin()
    else if (this.world.isTroubled && this.world.dice.chance(0.02)) this.#isWanted = true
  }

  /** A holder looks at the witness now and then, and finds its term spent. */
  #learn(): void {
    const { world } = this
    for (const primary of [...world.primaries])
      if (primary.term < world.witness.claim.term && world.dice.chance(0.2)) primary.spent()
  }

  /** A host that was dead is there again: as the peer of one that took over, or with its own guest anew. */
  #comeBack(): void {
    const { world } = this
    const { claim } = world.witness
    if (world.nowMs < this.#deadUntilMs) return
    for (const host of world.dead) {
      if (world.primaries.some((primary) => primary.host !== host && primary.term === claim.term)) {
        world.dead.delete(host)
        world.secondary ??= new SecondarySide(world, host)
      } else if (claim.holder === host && !this.#isAsking && world.dice.chance(0.2)) this.#coldStart(host)
    }
  }

  #coldStart(host: number): void {
    const { world } = this
    const { claim } = world.witness
    this.#isAsking = true
    world.witness.swap(host, claim, { run: null, peerListed: false }, (answer) => {
      this.#isAsking = false
      if (answer?.isStored !== true) return
      world.dead.delete(host)
      world.met('cold start')
      world.lose()
      world.startAnew(host, claim.term)
    })
  }
}

import type { World } from './world'

export type Strike = 'fail' | 'lose' | 'worker' | 'host' | 'secondary'

/** What goes wrong, and when. */
export class Strikes {
  /** How long after one thing another goes wrong, rather soon. */
  #sorrows = 0

  constructor(private readonly world: World) {}

  /** By chance. */
  strike(): void {
    const { dice, isTroubled, primary } = this.world
    this.#sorrows--
    if (!isTroubled || !dice.chance(this.#sorrows > 0 ? 0.2 : 0.02)) return
    if (dice.chance(0.3)) this.#sorrows = 10
    const what = dice.of(['host', 'worker', 'secondary', 'lose', 'lose', 'leave', 'take', 'unlist', 'pause'] as const)
    this.world.met(`strike ${what}`)
    if (what === 'leave') primary?.lockstep.leave('the operator')
    else if (what === 'take') this.world.takeOver()
    else if (what === 'pause') primary?.machine.pausedByOther()
    else if (what !== 'unlist') this.befall(what)
    else if (primary?.isListed === true) primary.claim('unlisted', primary.run)
  }

  befall(what: Exclude<Strike, 'fail'>): void {
    if (what === 'lose') this.world.lose()
    else if (what === 'worker') this.#killWorker()
    else if (what === 'host') this.#killHost()
    else this.#killSecondary()
  }

  /** Not while its peer has not gone on: two hosts at once are more than is promised. */
  #killHost(): void {
    const { world } = this
    const { primary } = world
    if (primary === undefined || world.dead.size > 0 || world.secondary?.sealed === true || world.isUnfit) return
    primary.alive = false
    primary.machine.gone = true
    world.dead.add(primary.host)
    world.link.lose()
    world.primaries = world.primaries.filter((each) => each !== primary)
  }

  /** The guest goes on without it, or stands where it was left. */
  #killWorker(): void {
    const { world } = this
    const { primary } = world
    if (primary === undefined) return
    primary.alive = false
    world.link.lose()
    world.primaries = world.primaries.filter((each) => each !== primary)
    world.startWorker(primary)
  }

  /** One that has taken over is all that there is of the guest. */
  #killSecondary(): void {
    const { world } = this
    if (world.secondary === null || world.secondary.sealed) return
    world.renewSecondary()
    world.lose()
  }
}

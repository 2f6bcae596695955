import { Primary } from './primary'
import { Secondary } from './secondary'
import type { World } from './world'

/** What goes wrong, and when. */
export class Strikes {
  /** How long after one thing another goes wrong, rather soon. */
  #sorrows = 0

  constructor(private readonly world: World) {}

  strike(): void {
    const { dice, isTroubled, primary, secondary } = this.world
    this.#sorrows--
    if (!isTroubled || !dice.chance(this.#sorrows > 0 ? 0.3 : 0.04)) return
    if (dice.chance(0.3)) this.#sorrows = 10
    const what = dice.of(['host', 'worker', 'secondary', 'link', 'link', 'leave', 'take', 'unlist'] as const)
    this.world.met(`strike ${what}`)
    if (what === 'host') this.#killHost(primary)
    else if (what === 'worker') this.#killWorker(primary)
    else if (what === 'secondary') this.#killSecondary(secondary)
    else if (what === 'link') this.world.lose()
    else if (what === 'leave') primary?.tell({ on: 'leave', why: 'the operator' })
    else if (what === 'take') this.world.takeOver()
    else if (primary?.isListed === true) primary.claim('unlisted', primary.run)
  }

  /** Not while its peer has not gone on: two hosts at once are more than is promised. */
  #killHost(primary: Primary | undefined): void {
    const { world } = this
    if (primary === undefined || world.dead.size > 0 || world.secondary?.sealed === true) return
    primary.alive = false
    world.dead.add(primary.host)
    world.link.lose()
    world.primaries = world.primaries.filter((each) => each !== primary)
  }

  /** The guest goes on without it, or stands where it was left. */
  #killWorker(primary: Primary | undefined): void {
    const { world } = this
    if (primary === undefined) return
    const { host, term, guest } = primary
    primary.alive = false
    world.link.lose()
    world.primaries = world.primaries.filter((each) => each !== primary)
    const next = new Primary(world, host, term, guest, false)
    world.primaries.push(next)
    next.rewrite()
  }

  /** One that has taken over is all that there is of the guest. */
  #killSecondary(secondary: Secondary | null): void {
    if (secondary === null || secondary.sealed) return
    secondary.alive = false
    this.world.secondary = new Secondary(this.world, secondary.host)
    this.world.lose()
  }
}

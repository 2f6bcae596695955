import type { World } from './world'

/** What befalls the pair. */
export const STRIKES = ['host', 'worker', 'secondary', 'lose'] as const
/** What others do to it, and a witness that is silent. */
const ACTS = ['leave', 'dial', 'take', 'unlist', 'pause', 'witness'] as const
/** What fails now and then when it is asked for something. */
const FAILING = ['monitor', 'output', 'standby', 'disk', 'unheard'] as const
/** Wait for the moment at which a strike does most harm: while the primary's side lives so. */
const TRAPS = ['beginning', 'preparing', 'seeding', 'claiming', 'leaving', 'unclaiming', 'parting'] as const

export type Strike = (typeof STRIKES)[number]
export type Failing = (typeof FAILING)[number]
export type Trouble = Strike | (typeof ACTS)[number] | Failing | 'trap'

export const TROUBLES: readonly Trouble[] = [...STRIKES, ...ACTS, ...FAILING, 'trap']

/** What goes wrong by chance, and when. */
export class Strikes {
  readonly #kinds: readonly (Strike | (typeof ACTS)[number])[]
  readonly #pace: number
  /** How long after one thing another goes wrong, rather soon. */
  #sorrows = 0
  readonly #trap: { readonly life: string; readonly what: Strike } | null

  constructor(
    private readonly world: World,
    trouble: readonly Trouble[],
  ) {
    const { dice } = world
    this.#kinds = [...STRIKES, 'lose' as const, ...ACTS].filter((kind) => trouble.includes(kind))
    this.#pace = dice.of([0.01, 0.02, 0.03])
    const what = dice.of([...STRIKES, 'host', 'host'] as const)
    this.#trap = trouble.includes('trap') ? { life: dice.of(TRAPS), what } : null
  }

  strike(): void {
    const { dice } = this.world
    if (this.#trap?.life === this.world.primary?.lockstep.life && dice.chance(0.1)) this.#spring()
    this.#sorrows--
    if (this.#kinds.length === 0 || !dice.chance(this.#sorrows > 0 ? 0.2 : this.#pace)) return
    if (dice.chance(0.3)) this.#sorrows = 10
    const what = dice.of(this.#kinds)
    const { world } = this
    const { primary } = world
    world.met(`strike ${what}`)
    if (what === 'leave') primary?.lockstep.leave('the operator')
    else if (what === 'dial') world.toolstack.dial()
    else if (what === 'take') world.takeOver()
    else if (what === 'pause') primary?.machine.pausedByOther()
    else if (what === 'witness') world.silence(dice.below(100))
    else if (what !== 'unlist') this.befall(what)
    else if (primary?.isListed === true) primary.unlist()
  }

  #spring(): void {
    const { world } = this
    if (this.#trap === null || world.primary === undefined) return
    world.met(`trap ${this.#trap.life}`)
    this.befall(this.#trap.what)
  }

  befall(what: Strike): void {
    if (what === 'lose') this.world.lose()
    else if (what === 'worker') this.#killWorker()
    else if (what === 'host') this.killHost()
    else this.#killSecondary()
  }

  /** Not while its peer has not gone on: two hosts at once are more than is promised. */
  killHost(): void {
    const { world } = this
    const { primary } = world
    if (primary === undefined || world.dead.size > 0 || world.secondary?.sealed === true || world.isUnfit) return
    world.met(`a host dies: ${primary.lockstep.life}`)
    primary.alive = false
    primary.machine.gone = true
    world.dead.add(primary.host)
    world.toolstack.keepDead(world.nowMs + world.dice.of([0, 50, 300]))
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

import type { Machine } from './machine'
import type { Strikes } from './strikes'
import type { Moment } from './trouble'
import type { Vm } from './vm'
import type { PoolWorld } from './world'

/** `act` at the next such moment of that VM, once. */
export type SetTrap = (on: Moment, vm: Vm, act: () => void) => void

/** Until the other host misses its peer, asks for the claim, and starts the guest. */
const TAKEN_MS = 4500
/** Longer than any road takes, so that what was noted last is not on the disk yet. */
const SLOW_NOTE_MS = 200

/** What two witnesses must not make possible: that each host has one of them for itself. Each answers until when it is told. */
export class PairStories {
  constructor(
    private readonly world: PoolWorld,
    private readonly strikes: Strikes,
    private readonly trap: SetTrap,
  ) {}

  /** The holder has lost the deciding witness, and in the middle of the switch the other host, which still has it. */
  switchAndApart(vm: Vm, holder: Machine, other: Machine): number {
    const { dice } = this.world
    const forMs = this.#holderLosesDecider(vm, holder, ['out', 'in'])
    const forgets = dice.chance(0.5)
    if (forgets) other.claimNotes.slowMs = SLOW_NOTE_MS
    this.trap(forgets ? 'carrying' : dice.of(['noting', 'noted'] as const), vm, () => {
      this.strikes.apart(holder, other, forMs)
      if (forgets) other.workers.kill(vm.uuid)
    })
    return this.world.schedule.now + forMs
  }

  /** The holder does not hear that the other host is listed, is to let the other witness decide, and loses the other host. */
  listedUnheard(vm: Vm, holder: Machine, other: Machine): number {
    other.workers.kill(vm.uuid)
    this.trap('listed-more', vm, () => {
      const forMs = this.#holderLosesDecider(vm, holder, ['in'])
      this.trap('noting', vm, () => this.strikes.apart(holder, other, forMs))
    })
    return this.world.schedule.now + this.#longMs
  }

  #holderLosesDecider(vm: Vm, holder: Machine, ways: readonly ('in' | 'out')[]): number {
    const decider = this.world.deciderOf(vm)
    const forMs = this.#longMs
    const roads = holder.roads.filter(({ witness }) => witness === decider)
    for (const road of roads) for (const way of ways) road.set(way, false)
    this.strikes.after(forMs, () => {
      for (const road of roads) for (const way of ways) road.set(way, true)
    })
    return forMs
  }

  /** A switch, and a take-over after it. */
  get #longMs(): number {
    const { leaseMs, pair } = this.world.plan
    return (pair?.afterSilentMs ?? 0) + leaseMs + TAKEN_MS
  }
}

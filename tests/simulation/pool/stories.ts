import type { Machine } from './machine'
import type { Strikes } from './strikes'
import type { Vm } from './vm'
import type { PoolWorld } from './world'

/** Until the other host misses its peer, asks for the claim, and starts the guest. */
const TAKEN_MS = 4500

/** Trouble that is worth something only when it is left to itself for a while. Each answers until when. */
export class Stories {
  constructor(
    private readonly world: PoolWorld,
    private readonly strikes: Strikes,
  ) {}

  /** How long a host must be lost for the other one to take over. */
  get takenMs(): number {
    return this.world.plan.leaseMs + TAKEN_MS
  }

  /** So long that the other one takes over. */
  holderLost(holder: Machine, other: Machine): number {
    return this.#alone(holder, other, this.takenMs)
  }

  /** The lanes are back just when the witness is asked for the claim, which takes its time. */
  met(holder: Machine, other: Machine): void {
    this.strikes.lanes(holder, other, true)
    this.strikes.slow(other)
  }

  /** Nothing of ours on the holder does anything any more but its watchdog, and it is cut off. */
  hanging(holder: Machine, other: Machine, vm: Vm): number {
    const untilMs = this.holderLost(holder, other)
    holder.workers.stall(vm.uuid, untilMs)
    holder.stallDaemon(untilMs)
    return untilMs
  }

  /** Neither host gets the claim changed until every promise has run out. */
  fullAndApart(holder: Machine, other: Machine): number {
    const { dice, plan, schedule, witnesses } = this.world
    const forMs = plan.leaseMs + TAKEN_MS
    this.strikes.lanes(holder, other, false)
    for (const witness of witnesses) witness.full = true
    this.strikes.after(plan.leaseMs * (1 + dice.fraction()), () => {
      for (const witness of witnesses) witness.full = false
    })
    this.strikes.after(forMs, () => this.strikes.lanes(holder, other, true))
    return schedule.now + forMs
  }

  #alone(holder: Machine, other: Machine, forMs: number): number {
    const ways = ['out', 'in'] as const
    this.strikes.lanes(holder, other, false)
    for (const road of holder.roads) for (const way of ways) road.set(way, false)
    this.strikes.after(forMs, () => {
      this.strikes.lanes(holder, other, true)
      for (const road of holder.roads) for (const way of ways) road.set(way, true)
    })
    return this.world.schedule.now + forMs
  }
}

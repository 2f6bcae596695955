import type { Machine } from './machine'
import type { Stories } from './stories'
import type { Strikes } from './strikes'
import type { Moment, UnknownFault } from './trouble'
import type { Vm } from './vm'
import type { PoolWorld } from './world'

const WITNESS_AGAIN_MS = 100
/** The operator looks at the machine that is off, and says so again. */
const SAYS_AGAIN_MS = 700
/** Nothing is said any more so long before it is switched on: what was said then has arrived. */
const HUSH_MS = 300
/** Until a replica that was away is listed again. */
const LISTED_MS = 1500
/** Until a host that was switched on is heard. */
const HEARD_MS = 2000

/** Trouble in which somebody has to decide who does not know, or knows by somebody's word only. Each answers until when it is told. */
export class Unknowns {
  constructor(
    private readonly world: PoolWorld,
    private readonly strikes: Strikes,
    private readonly stories: Stories,
    private readonly needs: {
      readonly trap: (on: Moment, vm: Vm, act: () => void) => void
      /** Nothing else happens until then. */
      readonly quiet: (untilMs: number) => void
    },
  ) {}

  strike(fault: UnknownFault, vm: Vm, { holder, other }: { readonly holder: Machine; readonly other: Machine }): number {
    switch (fault) {
      case 'role-unknown':
        return this.#roleUnknown(holder, other, vm)
      case 'hangs-when-listed':
        return this.#hangsWhenListed(holder, other, vm)
      case 'witness-forgets':
        return this.#witnessForgets(holder, other)
      case 'confirmed-off':
        return this.world.dice.chance(0.5) ? this.#confirmedOff(holder, other, vm) : this.#confirmedOff(other, holder, vm)
    }
  }

  /** A worker that was started again hears neither the witness nor its peer, and the watchdog of its host hangs. */
  #roleUnknown(holder: Machine, other: Machine, vm: Vm): number {
    const untilMs = this.stories.holderLost(holder, other)
    holder.guard.stall(untilMs)
    holder.workers.kill(vm.uuid)
    return untilMs
  }

  /** A claim that listed one host for a moment: what needed no lease does from now on. */
  #hangsWhenListed(holder: Machine, other: Machine, vm: Vm): number {
    this.needs.trap('listed-more', vm, () => {
      if (vm.holder === holder.name) this.needs.quiet(this.stories.hanging(holder, other, vm))
    })
    other.workers.kill(vm.uuid)
    return this.world.schedule.now + LISTED_MS
  }

  /** Every promise has run out, and the witness has just heard the holder when it crashes; then it does not hear it any more. */
  #witnessForgets(holder: Machine, other: Machine): number {
    const { dice, plan, schedule, witnesses } = this.world
    const untilMs = this.stories.fullAndApart(holder, other)
    this.strikes.after(plan.leaseMs * (1.3 + dice.fraction()), () => {
      this.strikes.cut(holder, untilMs - schedule.now)
      for (const witness of witnesses) {
        witness.full = false
        witness.crash()
      }
      this.strikes.after(WITNESS_AGAIN_MS, () => {
        for (const witness of witnesses) if (witness.daemon === null) witness.start()
      })
    })
    return untilMs
  }

  /** An operator says that it is off, and keeps it so until its cables are in order. Perhaps the other one hears no witness meanwhile. */
  #confirmedOff(off: Machine, left: Machine, vm: Vm): number {
    const { dice, plan, schedule } = this.world
    const forMs = this.stories.takenMs + dice.fraction() * plan.longMs
    const untilMs = schedule.now + forMs
    off.keptOff = true
    off.powerOff()
    if (dice.chance(0.5)) this.strikes.cut(left, forMs)
    this.#says(off, left, vm, untilMs - HUSH_MS)
    this.strikes.after(forMs, () => off.powerOn(), off)
    return untilMs + HEARD_MS
  }

  #says(off: Machine, on: Machine, vm: Vm, untilMs: number): void {
    const { dice, schedule } = this.world
    schedule.after(SAYS_AGAIN_MS * (0.5 + dice.fraction()), () => {
      if (this.strikes.isOver || off.powered || schedule.now > untilMs) return
      vm.typist.confirmOff(on, off)
      this.#says(off, on, vm, untilMs)
    })
  }
}

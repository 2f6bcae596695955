import type { Host } from './host'
import { type Moment, SPRINGS, TRAPS, type Trap } from './moments'
import { HOSTS } from './names'
import type { Fault } from './plan'
import { LONG_MS, Strikes } from './strikes'
import type { World } from './world'

/** A disk is replaced only when nothing else went wrong for so long: whoever lost anything is known by then. */
const CALM_MS = 800
/** A guest that started so long ago may be stopped. */
const SETTLED_MS = 300

/** Draws trouble, and ends it after a while. */
export class Faults {
  readonly #strikes: Strikes
  readonly #total: number
  /** Laid out and waiting for their moment. */
  readonly #traps = new Set<Trap>()
  #lastAt = 0

  constructor(private readonly world: World) {
    this.#strikes = new Strikes(world)
    this.#total = world.plan.faults.reduce((sum, { weight }) => sum + weight, 0)
    world.onMoment = (moment, host) => this.#comes(moment, world.hosts[host])
  }

  start(): void {
    for (const { fault } of this.world.plan.faults) if (isTrap(fault) && this.world.dice.chance(0.5)) this.#traps.add(fault)
    if (this.#total > 0) this.#next()
    if (this.world.plan.forcesClaim) this.world.schedule.after(this.world.dice.fraction() * 2000, () => this.#strikes.force())
  }

  /** All is well from now on. */
  end(): void {
    this.#strikes.over = true
    const { world } = this
    this.#strikes.meet()
    for (const name of HOSTS) {
      world.witness.setRoad(name, true)
      world.witness.slowRoad(name, 0)
      const host = world.hosts[name]
      this.#strikes.healed(host)
      if (!host.powered) host.powerOn()
    }
    if (!world.witness.isUp) world.witness.start()
    world.track()
    world.vm.start()
  }

  #next(): void {
    const { dice, plan, schedule } = this.world
    schedule.after(-Math.log(1 - dice.fraction()) * plan.faultEveryMs, () => {
      if (this.#strikes.over) return
      this.#strike(this.#drawn())
      this.#next()
    })
  }

  #drawn(): Fault {
    let at = this.world.dice.fraction() * this.#total
    for (const { fault, weight } of this.world.plan.faults) {
      at -= weight
      if (at <= 0) return fault
    }
    return 'lane-glitch'
  }

  #strike(fault: Fault): void {
    const { world } = this
    const { dice, lanes, plan, witness } = world
    const strikes = this.#strikes
    const [primary, secondary] = strikes.sides()
    // A disk is gone, and the claim does not say so yet: another fault would be the second one.
    if (world.judge.copies.listsStranger) return
    if (isTrap(fault)) {
      this.#traps.add(fault)
      return
    }
    world.probe(`fault: ${fault}`)
    const calmForMs = world.schedule.now - this.#lastAt
    this.#lastAt = world.schedule.now
    if (!fault.startsWith('power')) world.judge.damage.troubled(this.#lastAt, null)
    switch (fault) {
      case 'lane-cut': {
        const lane = dice.below(lanes.lanes.length)
        lanes.set(lane, false)
        strikes.later(() => lanes.set(lane, true))
        break
      }
      case 'lane-glitch':
        lanes.glitch(dice.below(lanes.lanes.length))
        break
      case 'lane-change':
        for (const end of lanes.ends) if (dice.chance(0.5)) end.change()
        break
      case 'link-reset':
        primary.worker?.primary?.closeLink()
        break
      case 'hosts-apart':
        strikes.apart()
        break
      case 'primary-deaf':
        strikes.deaf(primary)
        break
      case 'secondary-deaf':
        strikes.deaf(secondary)
        break
      case 'host-alone':
        strikes.apart(dice.of([plan.faultMs, LONG_MS]))
        strikes.deaf(dice.chance(0.8) ? primary : secondary, dice.of([plan.faultMs, LONG_MS]))
        break
      case 'deaf-then-apart':
        strikes.deafThenApart(primary)
        break
      case 'witness-slow':
        strikes.slow(dice.chance(0.7) ? primary : secondary)
        break
      case 'witness-crash':
        witness.crash()
        strikes.later(() => {
          if (!witness.isUp) witness.start()
        })
        break
      case 'kill-primary':
        primary.kill()
        break
      case 'kill-secondary':
        secondary.kill()
        break
      case 'kill-both':
        primary.kill()
        secondary.kill()
        break
      case 'guest-reset':
        strikes.resetGuest()
        break
      case 'crash':
        this.#crash(dice.chance(0.5))
        break
      case 'force':
        strikes.force()
        break
      case 'stall-primary':
        strikes.stall(primary)
        break
      case 'stall-secondary':
        strikes.stall(secondary)
        break
      case 'power-primary':
        strikes.power(primary)
        break
      case 'power-secondary':
        strikes.power(secondary)
        break
      case 'power-both':
        strikes.power(primary)
        strikes.power(secondary)
        break
      case 'disk-errors':
        strikes.errors(dice.chance(0.6) ? primary : secondary)
        break
      case 'disk-hangs':
        strikes.hangs(dice.chance(0.6) ? primary : secondary)
        break
      case 'notes-full':
        strikes.full(dice.chance(0.5) ? primary : secondary)
        break
      case 'disk-replaced':
        if (calmForMs > CALM_MS) strikes.replace(dice.chance(0.5) ? primary : secondary)
        break
      case 'stop':
        world.vm.stop('there')
        break
      case 'move':
        world.vm.stop('elsewhere')
        break
      case 'verify':
        if (primary.worker?.primary?.verifying === false) {
          world.judge.copies.verifying = true
          primary.worker.primary.verify(dice.chance(0.5))
        }
        break
      case 'unprotect':
        strikes.unprotect(primary)
    }
  }

  /** Nobody asks again for what was under way. */
  #crash(both: boolean): void {
    const [primary, secondary] = this.#strikes.sides()
    this.#strikes.resetGuest()
    primary.kill()
    if (both) secondary.kill()
  }

  // --- traps ------------------------------------------------------------------------------------------------------------------

  #comes(moment: Moment, host: Host): void {
    for (const trap of this.#traps) {
      const { moment: awaited, withinMs } = SPRINGS[trap]
      if (awaited !== moment) continue
      this.#traps.delete(trap)
      const strike = (): void => {
        if (this.#strikes.over || this.world.judge.copies.listsStranger) return
        this.world.probe(`trap: ${trap}`)
        this.#lastAt = this.world.schedule.now
        this.world.judge.damage.troubled(this.#lastAt, null)
        this.#spring(trap, host)
      }
      if (withinMs === 0) strike()
      else this.world.schedule.after(this.world.dice.fraction() * withinMs, strike)
    }
  }

  /** `host`: where the moment came. */
  #spring(trap: Trap, host: Host): void {
    const { dice, schedule, vm } = this.world
    const strikes = this.#strikes
    switch (trap) {
      case 'joining-alone':
        strikes.apart(LONG_MS)
        strikes.deaf(host, LONG_MS)
        break
      case 'parting-deaf':
        strikes.deaf(host, LONG_MS)
        break
      case 'taking-heard':
        this.world.witness.setRoad(host.other.name, true)
        break
      case 'copying-killed':
        host.other.kill()
        break
      case 'turnover-crash':
        if (dice.chance(0.5)) strikes.power(host)
        else this.#crash(true)
        break
      case 'told-power':
        strikes.power(host)
        break
      case 'told-lost':
        dice.of([() => strikes.apart(LONG_MS), () => host.kill(), () => host.other.worker?.primary?.closeLink()])()
        break
      case 'present-errors':
        strikes.errors(host.other)
        break
      case 'unsure-errors':
        strikes.errors(host)
        break
      case 'taking-met':
        strikes.meet()
        break
      case 'taken-met':
        // Whoever held the claim before has not heard of it yet, and the one that has it now is halted.
        strikes.meet()
        schedule.after(dice.fraction() * SETTLED_MS, () => {
          if (host.guest !== null) vm.stop('there', host.guest)
        })
    }
  }
}

const isTrap = (fault: Fault): fault is Trap => (TRAPS as readonly string[]).includes(fault)

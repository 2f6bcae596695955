import type { Machine } from './machine'
import { PairStrikes } from './pair-strikes'
import { Stories } from './stories'
import { Strikes } from './strikes'
import { type Ambush, type Fault, isPairFault, isUnknownFault, type Moment } from './trouble'
import { Unknowns } from './unknowns'
import type { Vm } from './vm'
import type { PoolWorld } from './world'

/** A disk is replaced only when nothing else went wrong for so long: whoever lost anything is known by then. */
const CALM_MS = 2500
/** The VMs run by then. */
const FIRST_MS = 1500

/** Waits for its moment, once, and strikes at it. */
interface Trap {
  readonly on: Moment
  readonly vm: Vm
  readonly act: () => void
}

/** Draws trouble, and ends it after a while. */
export class Faults {
  readonly #strikes: Strikes
  readonly #total: number
  readonly #ambushes: Set<Ambush>
  readonly #traps = new Set<Trap>()
  readonly #stories: Stories
  readonly #pair: PairStrikes
  readonly #unknowns: Unknowns
  #lastAt = 0
  /** A story that needs some time is told. */
  #quietUntil = 0

  constructor(private readonly world: PoolWorld) {
    const { faults, ambushes } = world.plan.trouble
    this.#strikes = new Strikes(world)
    this.#stories = new Stories(world, this.#strikes)
    this.#unknowns = new Unknowns(world, this.#strikes, this.#stories, {
      trap: (on, vm, act) => void this.#traps.add({ on, vm, act }),
      quiet: (untilMs) => (this.#quietUntil = untilMs),
    })
    this.#pair = new PairStrikes(world, this.#strikes, (on, vm, act) => void this.#traps.add({ on, vm, act }))
    this.#total = faults.reduce((sum, { weight }) => sum + weight, 0)
    this.#ambushes = new Set(ambushes)
    world.onMoment = (moment, vm) => this.#comes(moment, vm)
  }

  start(): void {
    if (this.#total > 0) this.world.schedule.after(FIRST_MS, () => this.#next())
  }

  /** All is well from now on. */
  end(): void {
    const { machines, roads, vms, witnesses } = this.world
    this.#strikes.isOver = true
    for (const { typist } of vms) typist.insist()
    for (const lanes of roads.all()) for (const index of lanes.lanes.keys()) lanes.set(index, true)
    this.world.air.muted.clear()
    this.world.air.loss = this.world.xapiSilence = 0
    this.world.switchSilence = 0
    for (const witness of witnesses) {
      witness.full = witness.fails = false
      if (witness.daemon === null) witness.start()
    }
    for (const machine of machines) {
      machine.claimNotes.full = false
      machine.claimNotes.slowMs = 0
      for (const road of machine.roads)
        for (const way of ['out', 'in'] as const) {
          road.ways[way].slowMs = 0
          road.set(way, true)
        }
      for (const vm of vms) if (vm.homes.includes(machine.name)) this.#strikes.healed(machine, vm)
      if (!machine.powered) machine.powerOn()
    }
  }

  #next(): void {
    const { dice, plan, schedule, vms } = this.world
    schedule.after(-Math.log(1 - dice.fraction()) * plan.trouble.everyMs, () => {
      if (this.#strikes.isOver) return
      this.#strike(this.#drawn(), dice.of(vms))
      this.#next()
    })
  }

  #drawn(): Fault {
    const { dice, plan } = this.world
    let at = dice.fraction() * this.#total
    for (const { fault, weight } of plan.trouble.faults) {
      at -= weight
      if (at <= 0) return fault
    }
    return 'lane-glitch'
  }

  #comes(moment: Moment, vm: Vm): void {
    for (const trap of this.#traps) {
      if (trap.on !== moment || trap.vm !== vm || this.#strikes.isOver) continue
      this.#traps.delete(trap)
      this.world.probe(`trap: ${moment}`)
      trap.act()
    }
    for (const ambush of this.#ambushes) {
      if (ambush.on !== moment || this.#strikes.isOver) continue
      this.#ambushes.delete(ambush)
      const { schedule, dice } = this.world
      schedule.after(dice.fraction() * ambush.withinMs, () => {
        if (this.#strikes.isOver) return
        this.world.probe(`ambush: ${moment}`)
        this.#strike(ambush.fault, vm)
      })
    }
  }

  #strike(fault: Fault, vm: Vm): void {
    const { world } = this
    // A disk is gone, and the claim does not say so yet: another fault would be the second one.
    const { dice, schedule } = world
    if (vm.judge.copies.listsStranger || schedule.now < this.#quietUntil) return
    const calmForMs = schedule.now - this.#lastAt
    this.#lastAt = schedule.now
    if (!fault.startsWith('power')) this.#strikes.troubled(schedule.now, null)
    world.probe(`fault: ${fault}`)
    world.say(() => `FAULT ${fault}`)
    const holder = world.machine(vm.holder)
    const other = world.machine(vm.otherHome(holder.name))
    const either = dice.chance(0.6) ? holder : other
    this.#carryOut(fault, vm, { holder, other, either, calmForMs })
  }

  #carryOut(
    fault: Fault,
    vm: Vm,
    { holder, other, either, calmForMs }: { holder: Machine; other: Machine; either: Machine; calmForMs: number },
  ): void {
    const { world } = this
    const { dice } = world
    const strikes = this.#strikes
    const { lanes } = world.roads.between(holder.name, other.name)
    const lane = dice.below(lanes.lanes.length)
    if (isUnknownFault(fault)) {
      this.#quietUntil = this.#unknowns.strike(fault, vm, { holder, other })
      return
    }
    if (isPairFault(fault)) {
      this.#quietUntil = Math.max(this.#quietUntil, this.#pair.strike(fault, vm, { holder, other, either }))
      return
    }
    switch (fault) {
      case 'lane-cut':
        lanes.set(lane, false)
        strikes.later(() => lanes.set(lane, true))
        break
      case 'lane-glitch':
        lanes.glitch(lane)
        break
      case 'lane-change':
        for (const end of lanes.ends) if (dice.chance(0.5)) end.change()
        break
      case 'hosts-apart':
        strikes.apart(holder, other, dice.of([world.plan.trouble.lastsMs, world.plan.longMs]))
        break
      case 'holder-deaf':
        strikes.deaf(holder, ['out', 'in'])
        break
      case 'other-deaf':
        strikes.deaf(other, ['out', 'in'])
        break
      case 'holder-mute':
        strikes.deaf(holder, [dice.of(['out', 'in'] as const)])
        break
      case 'other-mute':
        strikes.deaf(other, [dice.of(['out', 'in'] as const)])
        break
      case 'host-alone':
        strikes.alone(either, either === holder ? other : holder)
        break
      case 'deaf-then-apart':
        strikes.deafThenApart(holder, other)
        break
      case 'witness-crash':
        strikes.crash()
        break
      case 'witness-slow':
        strikes.slow(either)
        break
      case 'witness-full':
        strikes.witnessDisk('full')
        break
      case 'witness-errors':
        strikes.witnessDisk('fails')
        break
      case 'switches-silent':
        world.switchSilence = 1
        strikes.later(() => (world.switchSilence = 0.1))
        break
      case 'move':
        vm.typist.move()
        break
      case 'kill-holder':
        holder.workers.kill(vm.uuid)
        break
      case 'kill-other':
        other.workers.kill(vm.uuid)
        break
      case 'kill-both':
        holder.workers.kill(vm.uuid)
        other.workers.kill(vm.uuid)
        break
      case 'stall-holder':
        strikes.stall(holder, vm)
        break
      case 'stall-other':
        strikes.stall(other, vm)
        break
      case 'stop-holder':
        strikes.stop(holder)
        break
      case 'stop-other':
        strikes.stop(other)
        break
      case 'kill-daemon':
        either.killDaemon()
        break
      case 'kill-watchdog':
        either.guard.kill()
        break
      case 'stall-watchdog':
        strikes.stallWatchdog(either)
        break
      case 'worker-and-daemon-hang':
        this.#quietUntil = this.#stories.hanging(holder, other, vm)
        break
      case 'stall-daemon':
        strikes.stallDaemon(either)
        break
      case 'beats-one-way':
        strikes.oneWay(...(dice.chance(0.5) ? ([holder, other] as const) : ([other, holder] as const)))
        break
      case 'beats-lost':
        strikes.lossy()
        break
      case 'xapi-ends':
        if (either.xapi.isUp) either.xapi.restart()
        break
      case 'xapi-silent':
        strikes.xapiSilent()
        break
      case 'xapi-copies':
        strikes.copies()
        break
      case 'coordinator-lost':
        strikes.power(dice.of(world.machines.filter(({ xapi }) => xapi.isCoordinator)))
        break
      case 'power-holder':
        strikes.power(holder)
        break
      case 'power-other':
        strikes.power(other)
        break
      case 'power-both':
        strikes.power(holder)
        strikes.power(other)
        break
      case 'disk-errors':
        strikes.errors(either, vm)
        break
      case 'disk-hangs':
        strikes.hangs(either, vm)
        break
      case 'notes-full':
        strikes.full(either, vm)
        break
      case 'disk-replaced':
        if (calmForMs > CALM_MS) strikes.replace(either, either === holder ? other : holder, vm)
        break
      case 'unprotect':
        if (world.machines.length === 2) vm.typist.unprotect()
        strikes.later(() => vm.typist.protect(), world.plan.longMs)
        break
      case 'protect':
        vm.typist.protect()
        break
      case 'full-and-apart':
        this.#quietUntil = this.#stories.fullAndApart(holder, other)
        break
      case 'met-while-taking':
        this.#quietUntil = this.#stories.holderLost(holder, other)
        this.#traps.add({ on: 'taking', vm, act: () => this.#stories.met(holder, other) })
        break
      case 'verify':
        holder.workers.operatorAsks(vm.uuid, 'verify', { repair: dice.chance(0.5) })
    }
  }
}

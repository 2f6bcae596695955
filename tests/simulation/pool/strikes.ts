import type { Machine } from './machine'
import type { WitnessHost } from './witness-host'
import type { Direction } from './witness-wire'
import type { Vm } from './vm'
import type { PoolWorld } from './world'

/** Still within an asker's patience. */
const SLOW_MS = 350
const HANG_MS = 7000

/** What each kind of trouble does, and how it ends. */
export class Strikes {
  /** Nothing ends by itself any more: all is well already. */
  isOver = false
  #apartUntil = 0

  constructor(private readonly world: PoolWorld) {}

  /** After so long, on average. */
  later(act: () => void, ms = this.world.plan.trouble.lastsMs, powerOf: Machine | null = null): void {
    this.after(-Math.log(1 - this.world.dice.fraction()) * ms, act, powerOf)
  }

  after(lastsMs: number, act: () => void, powerOf: Machine | null = null): void {
    const { schedule } = this.world
    this.troubled(schedule.now + lastsMs, powerOf)
    schedule.after(lastsMs, () => {
      if (!this.isOver) act()
    })
  }

  /** `powerOf`: nothing but this machine's power. */
  troubled(untilMs: number, powerOf: Machine | null): void {
    for (const vm of this.world.vms)
      vm.judge.damage.troubled(untilMs, powerOf !== null && vm.homes.includes(powerOf.name) ? vm.side(powerOf.name) : null)
  }

  apart(one: Machine, two: Machine, ms = this.world.plan.trouble.lastsMs): void {
    this.lanes(one, two, false)
    this.later(() => this.lanes(one, two, true), ms)
  }

  lanes(one: Machine, two: Machine, up: boolean): void {
    const { lanes } = this.world.roads.between(one.name, two.name)
    for (const index of lanes.lanes.keys()) lanes.set(index, up)
  }

  /** The witness is out of its reach, or it is out of the witness's. */
  deaf(
    machine: Machine,
    ways: readonly Direction[],
    ms = this.world.plan.trouble.lastsMs,
    roads = this.#some(machine.roads),
  ): void {
    for (const road of roads) for (const way of ways) road.set(way, false)
    this.later(() => {
      for (const road of roads) for (const way of ways) road.set(way, true)
    }, ms)
  }

  /** From every witness, for so long. */
  cut({ roads }: Machine, forMs: number): void {
    const ways = ['out', 'in'] as const
    for (const road of roads) for (const way of ways) road.set(way, false)
    this.after(forMs, () => {
      for (const road of roads) for (const way of ways) road.set(way, true)
    })
  }

  /** One of them, or each. */
  #some<T>(all: readonly T[]): readonly T[] {
    const { dice } = this.world
    return all.length === 1 || dice.chance(0.5) ? all : [dice.of(all)]
  }

  #oneOfThem(): WitnessHost {
    const [first, ...rest] = this.world.witnesses
    return first === undefined || rest.length > 0 ? this.world.dice.of(this.world.witnesses) : first
  }

  crash(): void {
    const witness = this.#oneOfThem()
    witness.crash()
    this.later(() => {
      if (witness.daemon === null) witness.start()
    })
  }

  witnessDisk(trouble: 'full' | 'fails'): void {
    const witness = this.#oneOfThem()
    witness[trouble] = true
    this.later(() => (witness[trouble] = false))
  }

  alone(machine: Machine, from: Machine): void {
    const { dice, plan } = this.world
    this.apart(machine, from, dice.of([plan.trouble.lastsMs, plan.longMs]))
    this.deaf(dice.chance(0.8) ? machine : from, ['out', 'in'], dice.of([plan.trouble.lastsMs, plan.longMs]))
  }

  /** The witness has not heard it for long when the other host is lost, too: only what that one promised keeps it going. */
  deafThenApart(holder: Machine, other: Machine): void {
    const { dice, plan, schedule } = this.world
    if (schedule.now < this.#apartUntil) return
    const apartAt = plan.leaseMs * (1 + dice.fraction())
    this.#apartUntil = schedule.now + apartAt + this.world.plan.longMs
    this.deaf(holder, ['out', 'in'], 4 * this.world.plan.longMs)
    schedule.after(apartAt, () => {
      if (!this.isOver) this.apart(holder, other, this.world.plan.longMs)
    })
  }

  slow({ roads }: Machine): void {
    const { dice } = this.world
    const ways = roads.flatMap((road) => [road.ways.out, road.ways.in])
    for (const way of ways) way.slowMs = SLOW_MS * dice.fraction()
    this.later(() => {
      for (const way of ways) way.slowMs = 0
    }, this.world.plan.longMs)
  }

  stall(machine: Machine, vm: Vm): void {
    const untilMs = this.#until()
    this.troubled(untilMs, null)
    machine.workers.stall(vm.uuid, untilMs)
  }

  /** Every process of the machine stands still. */
  stop(machine: Machine): void {
    if (!machine.powered) return
    const untilMs = this.#until()
    this.troubled(untilMs, null)
    machine.stop(untilMs)
  }

  /** XAPI, the daemon and the heartbeats are nobody's data: the judges need not know of it. */
  stallDaemon(machine: Machine): void {
    machine.stallDaemon(this.#until())
  }

  stallWatchdog(machine: Machine): void {
    machine.guard.stall(this.#until())
  }

  /** Heartbeats go one way only. */
  oneWay(from: Machine, to: Machine): void {
    const { muted } = this.world.air
    const way = `${from.name} ${to.name}`
    muted.add(way)
    this.later(() => muted.delete(way))
  }

  lossy(): void {
    const { air, dice } = this.world
    air.loss = dice.of([0.2, 0.5, 0.9])
    this.later(() => (air.loss = 0))
  }

  xapiSilent(): void {
    const { world } = this
    world.xapiSilence = world.dice.of([0.2, 0.6, 1])
    this.later(() => (world.xapiSilence = 0))
  }

  #until(): number {
    const { dice, plan, schedule } = this.world
    return schedule.now + dice.fraction() * (dice.chance(0.4) ? 2 * this.world.plan.longMs : plan.trouble.lastsMs)
  }

  /** As XAPI does every five minutes. */
  copies(): void {
    const [coordinator] = this.world.machines.filter(({ xapi }) => xapi.isCoordinator)
    for (const { xapi } of this.world.machines)
      if (!xapi.isCoordinator && coordinator !== undefined) xapi.database = coordinator.xapi.database.copy()
  }

  power(machine: Machine): void {
    if (!machine.powered) return
    const { dice, plan } = this.world
    machine.powerOff()
    this.later(
      () => {
        if (!machine.powered) machine.powerOn()
      },
      dice.chance(0.5) ? this.world.plan.longMs : plan.trouble.lastsMs,
      machine,
    )
  }

  errors(machine: Machine, vm: Vm): void {
    machine.store(vm.volume).disk.trouble = this.world.dice.of(['reads', 'writes', 'all'])
    this.#impaired(machine, vm)
    this.later(() => this.healed(machine, vm))
  }

  hangs(machine: Machine, vm: Vm): void {
    machine.store(vm.volume).disk.hangs = true
    this.#impaired(machine, vm)
    this.later(() => this.healed(machine, vm), this.world.dice.chance(0.3) ? HANG_MS : this.world.plan.trouble.lastsMs)
  }

  full(machine: Machine, vm: Vm): void {
    machine.store(vm.volume).notes.full = true
    this.#impaired(machine, vm)
    this.later(() => this.healed(machine, vm))
  }

  healed(machine: Machine, vm: Vm): void {
    const { disk, notes } = machine.store(vm.volume)
    disk.trouble = 'none'
    notes.full = false
    if (disk.hangs) disk.wake()
    vm.judge.damage.recovered(vm.side(machine.name))
  }

  #impaired(machine: Machine, vm: Vm): void {
    vm.judge.damage.impaired(vm.side(machine.name), false)
  }

  /** Only while the other replica is known to have everything. */
  replace(machine: Machine, other: Machine, vm: Vm): void {
    const holder = this.world.machine(vm.holder)
    const status = holder.worker(vm.uuid)?.status
    if (status?.role !== 'primary' || status.degraded !== '' || vm.judge.listed.length < 2 || !this.isWell(other, vm)) return
    this.world.probe('disk replaced')
    machine.store(vm.volume).replace()
    const side = vm.side(machine.name)
    vm.judge.copies.mayCopyAll(side)
    vm.judge.damage.damaged(side, 'device', true)
  }

  isWell(machine: Machine, vm: Vm): boolean {
    const worker = machine.worker(vm.uuid)
    if (!machine.powered || worker === null || worker.process.life.stalledUntil > this.world.schedule.now) return false
    const { disk, notes } = machine.store(vm.volume)
    return disk.trouble === 'none' && !disk.hangs && !notes.full && worker.status.peerConnected
  }
}

import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { CELL_BYTES } from '../../world/cells'
import type { Host } from './host'
import { type HostName, HOSTS, UUIDS, VOLUME } from './names'
import type { Fault } from './plan'
import { Standby } from './standby'
import type { World } from './world'

/** A disk is replaced only when nothing else went wrong for so long: whoever lost anything is known by then. */
const CALM_MS = 800

/** Draws trouble, and ends it after a while. */
export class Faults {
  #over = false
  readonly #total: number
  #lastAt = 0
  #forced = false
  #unprotected = 0

  constructor(private readonly world: World) {
    this.#total = world.plan.faults.reduce((sum, { weight }) => sum + weight, 0)
  }

  start(): void {
    if (this.#total > 0) this.#next()
    if (this.world.plan.forcesClaim) this.world.schedule.after(this.world.dice.fraction() * 2000, () => this.#force())
  }

  /** All is well from now on. */
  end(): void {
    this.#over = true
    const { world } = this
    for (const index of world.lanes.lanes.keys()) world.lanes.set(index, true)
    for (const name of HOSTS) {
      world.witness.setRoad(name, true)
      const host = world.hosts[name]
      this.#healed(host)
      if (!host.powered) host.powerOn()
    }
    if (!world.witness.isUp) world.witness.start()
    world.track()
    world.vm.start()
  }

  #next(): void {
    const { dice, plan, schedule } = this.world
    schedule.after(-Math.log(1 - dice.fraction()) * plan.faultEveryMs, () => {
      if (this.#over) return
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
    const [primary, secondary] = this.#sides()
    // A disk is gone, and the claim does not say so yet: another fault would be the second one.
    if (world.judge.copies.listsStranger) return
    world.probe(`fault: ${fault}`)
    const calmForMs = world.schedule.now - this.#lastAt
    this.#lastAt = world.schedule.now
    switch (fault) {
      case 'lane-cut': {
        const lane = dice.below(lanes.lanes.length)
        lanes.set(lane, false)
        this.#later(() => lanes.set(lane, true))
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
        this.#apart()
        break
      case 'primary-deaf':
        this.#deaf(primary)
        break
      case 'secondary-deaf':
        this.#deaf(secondary)
        break
      case 'host-alone':
        // For so long that the other one takes over.
        this.#apart(dice.of([plan.faultMs, 3000]))
        this.#deaf(dice.chance(0.8) ? primary : secondary, dice.of([plan.faultMs, 3000]))
        break
      case 'witness-crash':
        witness.crash()
        this.#later(() => {
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
      case 'stall-primary':
        this.#stall(primary)
        break
      case 'stall-secondary':
        this.#stall(secondary)
        break
      case 'power-primary':
        this.#power(primary)
        break
      case 'power-secondary':
        this.#power(secondary)
        break
      case 'power-both':
        this.#power(primary)
        this.#power(secondary)
        break
      case 'disk-errors':
        this.#errors(dice.chance(0.6) ? primary : secondary)
        break
      case 'disk-hangs':
        this.#hangs(dice.chance(0.6) ? primary : secondary)
        break
      case 'notes-full':
        this.#full(dice.chance(0.5) ? primary : secondary)
        break
      case 'disk-replaced':
        if (calmForMs > CALM_MS) this.#replace(dice.chance(0.5) ? primary : secondary)
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
        this.#unprotect(primary)
    }
  }

  #sides(): [Host, Host] {
    const { a, b } = this.world.hosts
    return this.world.witness.stored.claim.holder === UUIDS.a ? [a, b] : [b, a]
  }

  #later(act: () => void, ms = this.world.plan.faultMs): void {
    this.world.schedule.after(-Math.log(1 - this.world.dice.fraction()) * ms, () => {
      if (!this.#over) act()
    })
  }

  #apart(ms = this.world.plan.faultMs): void {
    const { lanes } = this.world
    for (const index of lanes.lanes.keys()) lanes.set(index, false)
    this.#later(() => {
      for (const index of lanes.lanes.keys()) lanes.set(index, true)
    }, ms)
  }

  #deaf(host: Host, ms = this.world.plan.faultMs): void {
    this.world.witness.setRoad(host.name, false)
    this.#later(() => this.world.witness.setRoad(host.name, true), ms)
  }

  #stall({ worker }: Host): void {
    if (worker === null) return
    const { dice, plan, schedule } = this.world
    // Never shortened: what waits for its end would be overtaken.
    const until = schedule.now + dice.fraction() * (dice.chance(0.3) ? 4000 : plan.faultMs)
    worker.life.stalledUntil = Math.max(worker.life.stalledUntil, until)
  }

  #power(host: Host): void {
    if (!host.powered) return
    host.powerOff()
    this.#later(
      () => {
        if (!host.powered) host.powerOn()
      },
      this.world.dice.chance(0.5) ? 3000 : this.world.plan.faultMs,
    )
  }

  #errors(host: Host): void {
    const { disk } = host.store
    disk.trouble = this.world.dice.of(['reads', 'writes', 'all'])
    this.world.judge.impaired(host.name, false)
    this.#later(() => this.#healed(host))
  }

  #hangs(host: Host): void {
    host.store.disk.hangs = true
    this.world.judge.impaired(host.name, false)
    this.#later(() => this.#healed(host), this.world.dice.chance(0.3) ? 2500 : this.world.plan.faultMs)
  }

  #full(host: Host): void {
    host.store.notes.full = true
    this.world.judge.impaired(host.name, false)
    this.#later(() => this.#healed(host))
  }

  #healed({ name, store }: Host): void {
    store.disk.trouble = 'none'
    store.notes.full = false
    if (store.disk.hangs) store.disk.wake()
    this.world.judge.recovered(name)
  }

  /** Only while the other replica is known to have everything. */
  #replace(host: Host): void {
    const { judge } = this.world
    const primary = this.#sides()[0].worker?.primary
    if (primary?.holderIsQuiet !== true || judge.listed.length < 2 || !this.#isWell(host.other)) return
    this.world.probe('disk replaced')
    host.store.replace()
    judge.copies.mayCopyAll(host.name)
    judge.damaged(host.name, 'device', true)
  }

  #isWell({ powered, worker, store }: Host): boolean {
    if (!powered || worker === null || worker.life.stalledUntil > this.world.schedule.now) return false
    return store.disk.trouble === 'none' && !store.disk.hangs && !store.notes.full && this.world.lanes.isUp
  }

  /** The VM is not protected for a while; only one that is mirrored nowhere. */
  #unprotect(host: Host): void {
    const { world } = this
    const primary = host.worker?.primary
    if (world.judge.listed.length > 1 || world.judge.listed[0] !== host.name || !world.tracked) return
    if (primary?.isServing !== true || !primary.isSingle) return
    // A replica remembers so many histories only; whoever was away for longer is a stranger.
    if (++this.#unprotected > 2) return
    world.probe('unprotected')
    world.tracked = false
    world.judge.copies.mayCopyAll(host.other.name)
    primary.track(false)
    this.#later(() => world.track())
  }

  /** The only good copy is on a host that is away, and an operator says: go on with the other one. */
  #force(): void {
    const { world } = this
    const { judge, witness } = world
    if (this.#over || this.#forced) return
    const { claim } = witness.stored
    const [holder, other] = this.#sides()
    const lone = judge.listed.length === 1 && judge.listed[0] === holder.name
    const [kept, old] = [holder, other].map(({ store }) => store.notes.noted)
    // One whose resync has just ended lacks nothing.
    const isOld = old?.state === 'up-to-date' && old.generations.current !== kept?.generations.current
    const usable = isOld && other.worker?.role instanceof Standby
    if (!lone || holder.powered || !usable || this.#unprotected > 0 || judge.acknowledgedAlone === 0 || world.vm.isBusy) {
      world.schedule.after(100, () => this.#force())
      return
    }
    this.#forced = true
    world.probe('claim forced')
    world.judge.forced(holder.name)
    world.witness.crash()
    world.witness.force({ ...claim, term: claim.term + 1, holder: other.uuid, upToDate: { [VOLUME]: [other.uuid] } })
    world.witness.start()
    world.vm.wantedOn = other.name
    other.reconsider()
  }
}

/** Changes one cell behind everybody's back. Answers its block. */
export function corrupt(world: World, name: HostName): number {
  const { disk } = world.hosts[name].store
  const cell = world.dice.below(world.plan.cells)
  disk.cache[cell] = (disk.cache[cell] ?? 0) + 1
  disk.durable[cell] = disk.cache[cell] ?? 0
  return Math.floor((cell * CELL_BYTES) / BLOCK_BYTES)
}

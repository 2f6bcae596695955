import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { CELL_BYTES } from '../../world/cells'
import type { Host } from './host'
import { type HostName, UUIDS, VOLUME } from './names'
import { Standby } from './standby'
import type { World } from './world'

/** Longer than any lease, so that the other one takes over. */
export const LONG_MS = 3000
/** Still within an asker's patience. */
const SLOW_MS = 350

/** What each kind of trouble does, and how it ends. */
export class Strikes {
  /** Nothing ends by itself any more: all is well already. */
  over = false
  #forcing = false
  #unprotected = 0
  /** One such story at a time. */
  #apartUntil = 0

  constructor(private readonly world: World) {}

  sides(): [Host, Host] {
    const { a, b } = this.world.hosts
    return this.world.witness.stored.claim.holder === UUIDS.a ? [a, b] : [b, a]
  }

  later(act: () => void, ms = this.world.plan.faultMs, powerOf: HostName | null = null): void {
    const { dice, judge, schedule } = this.world
    const lastsMs = -Math.log(1 - dice.fraction()) * ms
    judge.damage.troubled(schedule.now + lastsMs, powerOf)
    schedule.after(lastsMs, () => {
      if (!this.over) act()
    })
  }

  apart(ms = this.world.plan.faultMs): void {
    const { lanes } = this.world
    for (const index of lanes.lanes.keys()) lanes.set(index, false)
    this.later(() => this.meet(), ms)
  }

  deaf(host: Host, ms = this.world.plan.faultMs): void {
    this.world.witness.setRoad(host.name, false)
    this.later(() => this.world.witness.setRoad(host.name, true), ms)
  }

  /** All roads between the hosts are good. */
  meet(): void {
    for (const index of this.world.lanes.lanes.keys()) this.world.lanes.set(index, true)
  }

  /** The witness has not heard it for long when the other host is lost, too: only what that one promised keeps it going. */
  deafThenApart(host: Host): void {
    const { dice, plan, schedule } = this.world
    if (schedule.now < this.#apartUntil) return
    const apartAt = plan.leaseMs * (1 + dice.fraction())
    this.#apartUntil = schedule.now + apartAt + LONG_MS
    this.deaf(host, 4 * LONG_MS)
    schedule.after(apartAt, () => {
      if (!this.over) this.apart(LONG_MS)
    })
  }

  /** The road to the witness is a long one for a while. */
  slow(host: Host): void {
    this.world.witness.slowRoad(host.name, SLOW_MS * this.world.dice.fraction())
    this.later(() => this.world.witness.slowRoad(host.name, 0), LONG_MS)
  }

  /** As if its reset button was pressed: what it had asked for may still be done. */
  resetGuest(): void {
    this.world.guest?.die('it was reset')
  }

  stall({ worker }: Host): void {
    if (worker === null) return
    const { dice, plan, schedule } = this.world
    // Never shortened: what waits for its end would be overtaken.
    const until = schedule.now + dice.fraction() * (dice.chance(0.3) ? 4000 : plan.faultMs)
    this.world.judge.damage.troubled(until, null)
    worker.life.stalledUntil = Math.max(worker.life.stalledUntil, until)
  }

  power(host: Host): void {
    if (!host.powered) return
    host.powerOff()
    this.later(
      () => {
        if (!host.powered) host.powerOn()
      },
      this.world.dice.chance(0.5) ? LONG_MS : this.world.plan.faultMs,
      host.name,
    )
  }

  errors(host: Host): void {
    const { disk } = host.store
    disk.trouble = this.world.dice.of(['reads', 'writes', 'all'])
    this.world.judge.damage.impaired(host.name, false)
    this.later(() => this.healed(host))
  }

  hangs(host: Host): void {
    host.store.disk.hangs = true
    this.world.judge.damage.impaired(host.name, false)
    this.later(() => this.healed(host), this.world.dice.chance(0.3) ? 2500 : this.world.plan.faultMs)
  }

  full(host: Host): void {
    host.store.notes.full = true
    this.world.judge.damage.impaired(host.name, false)
    this.later(() => this.healed(host))
  }

  healed({ name, store }: Host): void {
    store.disk.trouble = 'none'
    store.notes.full = false
    if (store.disk.hangs) store.disk.wake()
    this.world.judge.damage.recovered(name)
  }

  /** Only while the other replica is known to have everything. */
  replace(host: Host): void {
    const { judge } = this.world
    const primary = this.sides()[0].worker?.primary
    if (primary?.holderIsQuiet !== true || judge.listed.length < 2 || !this.#isWell(host.other)) return
    this.world.probe('disk replaced')
    host.store.replace()
    judge.copies.mayCopyAll(host.name)
    judge.damage.damaged(host.name, 'device', true)
  }

  #isWell({ powered, worker, store }: Host): boolean {
    if (!powered || worker === null || worker.life.stalledUntil > this.world.schedule.now) return false
    return store.disk.trouble === 'none' && !store.disk.hangs && !store.notes.full && this.world.lanes.isUp
  }

  /** The VM is not protected for a while; only one that is mirrored nowhere. */
  unprotect(host: Host): void {
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
    this.later(() => world.track())
  }

  /** The only good copy is on a host that is away, and an operator says: go on with the other one. */
  force(): void {
    if (this.#forcing) return
    this.#forcing = true
    this.#perhapsForce()
  }

  #perhapsForce(): void {
    const { world } = this
    const { judge, witness } = world
    if (this.over) return
    const { claim } = witness.stored
    const [holder, other] = this.sides()
    const lone = judge.listed.length === 1 && judge.listed[0] === holder.name
    const old = other.store.notes.noted
    // One whose resync has just ended lacks nothing.
    const isOld = old?.state === 'up-to-date' && judge.lacksFlushed(other.store.disk.durable)
    const usable = isOld && other.worker?.role instanceof Standby
    if (!lone || holder.powered || !usable || this.#unprotected > 0 || judge.acknowledgedAlone === 0 || world.vm.isBusy) {
      world.schedule.after(100, () => this.#perhapsForce())
      return
    }
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

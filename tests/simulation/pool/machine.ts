import type { HostUuid, VmUuid, VolumeKey } from '../../../lib/core/domain/ids'
import type { DaemonApi } from '../../../lib/wire/daemon-api'
import type { WorkerApi, WorkerSpec } from '../../../lib/wire/worker-api'
import { Life } from '../../world/schedule'
import { must } from '../mirror/must'
import { Store } from '../mirror/store'
import { DaemonProcess } from './daemon-process'
import type { Domain } from './domain'
import { Exports } from './exports'
import type { Guest } from './guest'
import { HardwareWatchdog } from './hardware-watchdog'
import { LeaseNotesOfHost } from './lease-folder'
import { hostOf, type MachineName } from './names'
import { Process, type Ticking } from './process'
import { HostStorage, SR } from './storage'
import { Toolstack } from './toolstack'
import { unlessRefused } from './unless-refused'
import type { Vm } from './vm'
import { WatchdogProcess } from './watchdog-process'
import { WitnessRoad } from './witness-wire'
import { WorkerProcess } from './worker-process'
import type { PoolWorld } from './world'
import { XapiHost } from './xapi-host'

const BOOT_MS = 1000
/** After its end. */
const DAEMON_AGAIN_MS = 1000
const DATAPATH_MS = 20_000
/** A minder starts its worker again at once. */
const RESTART_MS = 80
/** A guest whose worker was away less long ago may not have been stopped yet. */
const AWAY_MS = 3000
const OPERATOR_MS = 3000
const WATCHDOG_AGAIN_MS = 200
/** A guest that nobody guarded may not have been stopped for so long yet. */
const GUARD_MS = 400
/** The same when everything woke at once. */
const WAKING_MS = 400

/** A host: power, a clock, disks, the processes on it, its domains. */
export class Machine implements Ticking {
  readonly uuid: HostUuid
  readonly road: WitnessRoad
  readonly exports = new Exports()
  readonly domains = new Map<string, Domain>()
  readonly leases = new LeaseNotesOfHost(this)
  readonly hardware: HardwareWatchdog
  /** In memory: gone with the power. */
  readonly specs = new Map<string, WorkerSpec>()
  readonly storage: HostStorage
  readonly xapi: XapiHost
  #toolstack: Toolstack | null = null
  #daemon: DaemonProcess | null = null
  #watchdog: WatchdogProcess | null = null
  /** It stands still until then. */
  #wokeAt = -Infinity
  /** Since then the watchdog has been at it. */
  #guardedFrom = -Infinity
  /** The XAPI that is at it. */
  #plugging: Process | null = null
  readonly #workers = new Map<string, WorkerProcess>()
  readonly #stores = new Map<VolumeKey, Store<string>>()
  readonly #awayUntil = new Map<string, number>()
  readonly rate: number
  readonly #offsetMs: number
  /** Of the machine since it was switched on. */
  life = new Life()
  powered = false
  boot = ''
  boots = 0
  #started = 0
  #domids = 0

  constructor(
    readonly world: PoolWorld,
    readonly name: MachineName,
  ) {
    this.uuid = hostOf(name)
    this.rate = world.clockRate()
    this.#offsetMs = world.dice.below(1e6)
    this.storage = new HostStorage((volume) => this.store(volume))
    this.xapi = new XapiHost(this)
    this.road = new WitnessRoad(world, world.witness, world.plan.witnessMs)
    this.hardware = new HardwareWatchdog(world.schedule, () => this.reset('its watchdog was not petted'))
    this.exports.onChange = (volume) => {
      for (const { guest } of this.domains.values()) if (guest?.uses(volume) === true) guest.diskChanged()
    }
  }

  get nowMs(): number {
    return this.#offsetMs + this.world.schedule.now * this.rate
  }

  addStore(vm: Vm): void {
    const { plan, dice, schedule } = this.world
    const store = new Store<string>(this.name, plan, dice, schedule)
    store.disk.onLost = (heard) => vm.judge.damage.flushLost(vm.side(this.name), heard)
    this.#stores.set(vm.volume, store)
  }

  store(volume: VolumeKey): Store<string> {
    return must(this.#stores.get(volume), 'a volume has a disk on each of its homes')
  }

  worker(id: string): WorkerProcess | null {
    return this.#workers.get(id) ?? null
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#workers.values()]
  }

  /** The VM's worker did not run all the time of late. */
  workerWasAway(vm: VmUuid): boolean {
    return !this.#workers.has(vm) || this.world.schedule.now < (this.#awayUntil.get(vm) ?? -Infinity) + AWAY_MS
  }

  /** A replica's device gave an error. */
  failed(volume: VolumeKey): void {
    const vm = this.world.vmWith(volume)
    vm.judge.damage.impaired(vm.side(this.name), true)
  }

  // --- power ------------------------------------------------------------------------------------------------------------------

  powerOn(): void {
    const { world } = this
    this.powered = true
    this.life = new Life()
    this.boot = `${this.name}${++this.boots}`
    world.say(() => `${this.name} is switched on`)
    this.#toolstack = new Toolstack(this)
    this.#startWatchdog(world.isYoung ? 0 : WATCHDOG_AGAIN_MS)
    this.xapi.start()
    this.startDaemon((world.isYoung ? 0.1 : 1) * BOOT_MS * (0.3 + world.dice.fraction()))
  }

  powerOff(): void {
    if (!this.powered) return
    const { world } = this
    world.say(() => `${this.name} loses its power`)
    this.powered = false
    this.life.alive = false
    for (const id of [...this.#workers.keys()]) this.#end(id, true)
    this.specs.clear()
    this.leases.powerLost()
    this.#endWatchdog()
    this.hardware.disarm()
    this.xapi.end()
    this.#endDaemon(true)
    this.storage.isAttached = false
    const domains = [...this.domains.values()]
    this.domains.clear()
    for (const { guest } of domains) guest?.die('its host lost power')
    for (const [volume, store] of this.#stores) {
      const lost = store.powerLost(world.plan.losesTracking)
      const vm = world.vmWith(volume)
      vm.judge.damage.damaged(vm.side(this.name), 'power', lost)
    }
  }

  /** By its hardware. */
  reset(why: string): void {
    this.#loses(`is reset: ${why}`, BOOT_MS)
  }

  /** By its power switch, until somebody finds it. */
  switchOff(): void {
    this.#loses('is switched off', this.world.plan.longMs * (0.5 + this.world.dice.fraction()))
  }

  #loses(why: string, forMs: number): void {
    if (!this.powered) return
    const { world } = this
    world.say(() => `${this.name} ${why}`)
    world.probe(why)
    for (const vm of world.vms) if (vm.homes.includes(this.name)) vm.judge.damage.troubled(world.schedule.now, vm.side(this.name))
    this.powerOff()
    world.schedule.after(forMs, () => {
      if (!this.powered) this.powerOn()
    })
  }

  // --- workers ----------------------------------------------------------------------------------------------------------------

  startWorker(id: string, inMs: number): void {
    this.world.schedule.after(
      inMs,
      () => {
        const spec = this.specs.get(id)
        if (spec === undefined || this.#workers.has(id)) return
        const worker = new WorkerProcess(this, spec, ++this.#started, () => {
          if (this.#workers.get(id) === worker) this.killWorker(id)
        })
        this.#workers.set(id, worker)
        this.#away(id, this.world.schedule.now)
      },
      this.life,
    )
  }

  killWorker(id: string): void {
    const worker = this.#workers.get(id)
    const spec = this.specs.get(id)
    if (worker === undefined || spec === undefined) return
    this.world.say(() => `${this.name} worker of ${id} dies`)
    this.#end(id, false)
    for (const { key } of spec.volumes) {
      const store = this.store(key)
      store.disk.killed(worker.process.life)
      store.notes.crashed()
      const vm = this.world.vmWith(key)
      vm.judge.damage.killed(vm.side(this.name))
    }
    this.startWorker(id, 5 + this.world.dice.fraction() * RESTART_MS)
  }

  /** By its process id; false when it is not there any more. */
  killProcess(pid: number): boolean {
    const found = [...this.#workers].find(([, worker]) => worker.pid === pid)
    if (found !== undefined) this.killWorker(found[0])
    return found !== undefined
  }

  /** Stopped by a signal until then. */
  stallWorker(id: string, untilMs: number): void {
    const worker = this.#workers.get(id)
    if (worker === undefined) return
    const { life } = worker.process
    // Never shortened: what waits for its end would be overtaken.
    life.stalledUntil = Math.max(life.stalledUntil, untilMs)
    this.#away(id, life.stalledUntil)
    this.world.roads.stalled(life, life.stalledUntil)
  }

  /** Every process of it, the guests with them. */
  stop(untilMs: number): void {
    this.world.say(() => `${this.name} stands still until ${untilMs.toFixed(0)}`)
    for (const id of this.#workers.keys()) this.stallWorker(id, untilMs)
    const guests = [...this.domains.values()].flatMap(({ guest }) => guest ?? [])
    this.#wokeAt = Math.max(this.#wokeAt, untilMs)
    const daemons = [
      this.#daemon?.process.life,
      this.#watchdog?.process.life,
      this.xapi.isUp ? this.xapi.process.life : undefined,
    ].filter((life) => life !== undefined)
    for (const life of [this.life, ...daemons, ...guests.map((guest) => guest.life)])
      life.stalledUntil = Math.max(life.stalledUntil, untilMs)
    for (const guest of guests) this.world.schedule.after(0, () => this.world.onMoment('woken', guest.vm), guest.life)
  }

  /** What an operator asks comes at bad moments, and may be refused. */
  operatorAsks<F extends keyof WorkerApi>(id: string, fn: F, ask: WorkerApi[F]['ask']): void {
    const worker = this.#workers.get(id)
    if (worker === undefined || !this.powered) return
    void unlessRefused(worker.ask(new Process(this.world, this, this.life), fn, ask, OPERATOR_MS))
  }

  #away(id: string, untilMs: number): void {
    this.#awayUntil.set(id, Math.max(untilMs, this.#awayUntil.get(id) ?? 0))
  }

  #end(id: string, silently: boolean): void {
    this.#workers.get(id)?.die(silently)
    this.#workers.delete(id)
    this.#away(id, this.world.schedule.now + RESTART_MS)
  }

  /** The daemon is done with it. */
  removeWorker(id: string): void {
    this.#end(id, false)
    this.specs.delete(id)
  }

  // --- the watchdog -----------------------------------------------------------------------------------------------------------

  killWatchdog(): void {
    if (this.#watchdog === null) return
    this.world.say(() => `${this.name} watchdog dies`)
    this.#endWatchdog()
    this.#startWatchdog(WATCHDOG_AGAIN_MS)
  }

  stallWatchdog(untilMs: number): void {
    const life = this.#watchdog?.process.life
    if (life === undefined) return
    life.stalledUntil = Math.max(life.stalledUntil, untilMs)
    this.#guardedFrom = Math.max(this.#guardedFrom, life.stalledUntil + GUARD_MS)
  }

  /** Nobody may have stopped a guest of it of late, because the worker and the watchdog could not, or all of it stood still. */
  wasUnguarded(vm: VmUuid): boolean {
    const { now } = this.world.schedule
    return now < this.#wokeAt + WAKING_MS || (now < this.#guardedFrom && this.workerWasAway(vm))
  }

  #startWatchdog(inMs: number): void {
    this.#guardedFrom = Math.max(this.#guardedFrom, this.world.schedule.now + inMs + GUARD_MS)
    this.world.schedule.after(inMs, () => (this.#watchdog ??= new WatchdogProcess(this)), this.life)
  }

  #endWatchdog(): void {
    if (this.#watchdog !== null) this.#watchdog.process.life.alive = false
    this.#watchdog = null
  }

  // --- the daemon and XAPI ----------------------------------------------------------------------------------------------------

  get daemon(): DaemonProcess | null {
    return this.#daemon
  }

  startDaemon(inMs: number): void {
    this.world.schedule.after(inMs, () => (this.#daemon ??= new DaemonProcess(this, ++this.#started)), this.life)
  }

  killDaemon(): void {
    if (this.#daemon === null) return
    this.world.say(() => `${this.name} daemon dies`)
    this.#endDaemon(false)
    this.startDaemon(DAEMON_AGAIN_MS)
  }

  /** Null when the daemon refused, or did not answer. */
  async asked<F extends keyof DaemonApi>(
    from: Process,
    fn: F,
    ask: DaemonApi[F]['ask'],
    limitMs: number,
  ): Promise<DaemonApi[F]['answer'] | null> {
    return this.#daemon === null ? null : unlessRefused(this.#daemon.ask(from, fn, ask, limitMs))
  }

  stallDaemon(untilMs: number): void {
    const life = this.#daemon?.process.life
    if (life !== undefined) life.stalledUntil = Math.max(life.stalledUntil, untilMs)
  }

  #endDaemon(silently: boolean): void {
    this.#daemon?.die(silently)
    this.#daemon = null
  }

  /** XAPI plugs its storage when it can. */
  plugStorage(xapi: Process): void {
    if (this.storage.isAttached || this.#plugging === xapi || this.#daemon === null) return
    this.#plugging = xapi
    const asked = this.#daemon.ask(xapi, 'sr-attach', { configuration: { uuid: SR, path: SR } }, DATAPATH_MS)
    void unlessRefused(asked).then(() => (this.#plugging = null))
  }

  // --- domains ----------------------------------------------------------------------------------------------------------------

  get toolstack(): Toolstack {
    return must(this.#toolstack, 'a host that is on has a toolstack')
  }

  nextDomid(): string {
    return String(++this.#domids)
  }

  guestEnded(guest: Guest): void {
    for (const [domid, domain] of [...this.domains]) if (domain.guest === guest) this.domains.delete(domid)
  }
}

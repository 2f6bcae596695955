import type { HostUuid, VmUuid, VolumeKey } from '../../../lib/core/domain/ids'
import type { DaemonApi } from '../../../lib/wire/daemon-api'
import { Life } from '../../world/schedule'
import { must } from '../mirror/must'
import { Store } from '../mirror/store'
import { ClaimNotesOfHost } from './claim-notes'
import { DaemonProcess } from './daemon-process'
import type { Domain } from './domain'
import { Exports } from './exports'
import { Guard } from './guard'
import { FenceWords } from './fence-words'
import type { Guest } from './guest'
import { HardwareWatchdog } from './hardware-watchdog'
import { LeaseNotesOfHost } from './lease-folder'
import { hostOf, type MachineName } from './names'
import { Process, type Ticking } from './process'
import { HostStorage, SR } from './storage'
import { Toolstack } from './toolstack'
import { unlessRefused } from './unless-refused'
import type { Vm } from './vm'
import { WitnessRoad } from './witness-wire'
import type { WorkerProcess } from './worker-process'
import { WorkersOfHost } from './workers-of-host'
import type { PoolWorld } from './world'
import { XapiHost } from './xapi-host'

/** Cables are looked at again. */
const CABLES_MS = 200
const BOOT_MS = 1000
/** After its end. */
const DAEMON_AGAIN_MS = 1000
const DATAPATH_MS = 20_000
/** So long the watchdog takes to stop a guest that was let go when it was to stand; docs/failure-model.md says so. */
const STANDS_AGAIN_MS = 200

/** A host: power, a clock, disks, the processes on it, its domains. */
export class Machine implements Ticking {
  readonly uuid: HostUuid
  /** To each witness; the preferred one's first. */
  readonly roads: readonly WitnessRoad[]
  readonly exports = new Exports()
  readonly domains = new Map<string, Domain>()
  readonly leases = new LeaseNotesOfHost(this)
  readonly claimNotes: ClaimNotesOfHost
  readonly hardware: HardwareWatchdog
  readonly workers = new WorkersOfHost(this)
  readonly guard = new Guard(this)
  readonly fenceWords = new FenceWords()
  readonly storage: HostStorage
  readonly xapi: XapiHost
  #toolstack: Toolstack | null = null
  #daemon: DaemonProcess | null = null
  /** The XAPI that is at it. */
  #plugging: Process | null = null
  readonly #stores = new Map<VolumeKey, Store<string>>()
  readonly rate: number
  readonly #offsetMs: number
  /** Of the machine since it was switched on. */
  life = new Life()
  powered = false
  /** Until its cables are in order. */
  keptOff = false
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
    this.storage = new HostStorage(
      (volume) => this.store(volume),
      (volume) => this.#stores.has(volume),
    )
    this.xapi = new XapiHost(this)
    this.roads = world.witnesses.map((witness) => new WitnessRoad(world, witness, world.plan.witnessMs))
    this.claimNotes = new ClaimNotesOfHost(world, world.plan.notesMs, (vm, moment) => world.onMoment(moment, world.vmOf(vm)))
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

  /** A replica's device gave an error. */
  failed(volume: VolumeKey): void {
    const vm = this.world.vmWith(volume)
    vm.judge.damage.impaired(vm.side(this.name), true)
  }

  // --- power ------------------------------------------------------------------------------------------------------------------

  powerOn(): void {
    const { world } = this
    if (this.keptOff && !world.isInOrder(this)) {
      world.schedule.after(CABLES_MS, () => {
        if (!this.powered) this.powerOn()
      })
      return
    }
    this.keptOff = false
    this.powered = true
    this.life = new Life()
    this.boot = `${this.name}${++this.boots}`
    world.say(() => `${this.name} is switched on`)
    this.#toolstack = new Toolstack(this)
    if (world.isYoung) this.guard.start(0)
    else this.guard.startAgain()
    this.xapi.start()
    this.startDaemon((world.isYoung ? 0.1 : 1) * BOOT_MS * (0.3 + world.dice.fraction()))
  }

  powerOff(): void {
    if (!this.powered) return
    const { world } = this
    world.say(() => `${this.name} loses its power`)
    this.powered = false
    this.life.alive = false
    this.workers.powerLost()
    this.leases.powerLost()
    this.guard.end()
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

  // --- standing still ---------------------------------------------------------------------------------------------------------

  /** Every process of it, the guests with them. */
  stop(untilMs: number): void {
    this.world.say(() => `${this.name} stands still until ${untilMs.toFixed(0)}`)
    this.workers.stallAll(untilMs)
    const guests = [...this.domains.values()].flatMap(({ guest }) => guest ?? [])
    this.guard.machineWakes(untilMs)
    const daemons = [this.#daemon?.process.life, this.guard.life, this.xapi.isUp ? this.xapi.process.life : undefined].filter(
      (life) => life !== undefined,
    )
    for (const life of [this.life, ...daemons, ...guests.map((guest) => guest.life)])
      life.stalledUntil = Math.max(life.stalledUntil, untilMs)
    for (const guest of guests) this.world.schedule.after(0, () => this.world.onMoment('woken', guest.vm), guest.life)
  }

  worker(vm: string): WorkerProcess | null {
    return this.workers.get(vm)
  }

  /** Nobody may have stopped a guest of it of late. */
  wasUnguarded(vm: VmUuid): boolean {
    return this.guard.mayHaveMissed(this.workers.wasAway(vm))
  }

  /** The toolstack let it go a moment ago, when its lease was over: it is in its firmware. */
  wasLetGoLate({ vm, letGoAtMs }: Domain): boolean {
    return letGoAtMs > this.leases.untilMs(vm.uuid) && this.nowMs < letGoAtMs + STANDS_AGAIN_MS
  }

  // --- the daemon and XAPI ----------------------------------------------------------------------------------------------------

  get daemon(): DaemonProcess | null {
    return this.#daemon
  }

  startDaemon(inMs: number): void {
    this.world.schedule.after(inMs, () => (this.#daemon ??= new DaemonProcess(this, this.nextPid())), this.life)
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
    const { world } = this
    const said = (why: string): void => world.say(() => `${this.name} refuses ${fn}: ${why}`)
    return this.#daemon === null ? null : unlessRefused(this.#daemon.ask(from, fn, ask, limitMs), said)
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

  nextPid(): number {
    return ++this.#started
  }

  nextDomid(): string {
    return String(++this.#domids)
  }

  guestEnded(guest: Guest): void {
    for (const [domid, domain] of [...this.domains]) if (domain.guest === guest) this.domains.delete(domid)
  }
}

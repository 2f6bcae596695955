import { mkdir, writeFile } from 'node:fs/promises'
import type { DomainLikeness, DomainManager, DomainSpec, DomainState, StandbyManager, StandbyWish } from '../contract'
import { findAccelerator } from './machine/accelerator'
import { machineArguments, slotsOf, tapName } from './machine/arguments'
import { DomainStore, isWaiting, textOf, type DomainRecord } from './machine/domain-store'
import { Ends, type EndListener } from './machine/ends'
import { eventsIn, isStanding } from './machine/event-record'
import { Monitors } from './machine/monitors'
import { Plugs } from './machine/plugs'
import { cpuSecondsOf, goneWithin, isAlive, killAndWait } from './machine/process-identity'
import { spawnMachine } from './machine/spawn'
import { Standbys } from './machine/standbys'
import { addTap, removeTap } from './machine/tap'

export interface DomainManagerOptions {
  /** Survives this process, not the host's boot. */
  readonly stateDir?: string
  /** Where dom0 looks for QMP sockets. */
  readonly socketDir?: string
  /** On tmpfs, for the memory of guests. */
  readonly memoryDir?: string
  readonly qemu?: string
}

export interface LabDomainState extends DomainState {
  readonly name: string
  readonly memoryBytes: number
  readonly vcpus: number
  readonly cpuSeconds: number
}

export interface LabDomainManager extends DomainManager {
  readonly standbys: StandbyManager
  list(): Promise<readonly LabDomainState[]>
  /** The domid of the running domain with this id or name, without asking the machine itself; `null` for none. */
  find(who: string): Promise<number | null>
  /** What the domain printed on its console so far; '' for one that is not known. */
  consoleText(domid: number): Promise<string>
  /** Stops watching; the domains run on. */
  close(): void
}

/** The guest may be too young to hear the first press of the power button. */
const PRESS_AGAIN_MS = 2_000
const STOP_MS = 30_000

/**
 * Domains as QEMU processes: each in a session of its own with its record in `stateDir`, so that any process of the host can find,
 * pause or destroy it, and one that comes back takes them over. Domains are watched from the first onEnd() or create() on.
 */
export function createDomainManager(options: DomainManagerOptions = {}): LabDomainManager {
  return new QemuDomains(options)
}

class QemuDomains implements LabDomainManager {
  readonly standbys: StandbyManager
  readonly #store: DomainStore
  readonly #monitors: Monitors
  readonly #plugs: Plugs
  readonly #ends: Ends
  readonly #qemu: string

  constructor(options: DomainManagerOptions) {
    this.#store = new DomainStore(options.stateDir ?? '/run/xen-lab')
    this.#monitors = new Monitors(this.#store, options.socketDir ?? '/var/run/xen', options.memoryDir ?? '/dev/shm')
    this.#plugs = new Plugs(this.#store, this.#monitors)
    this.#ends = new Ends(this.#store, this.#monitors)
    this.#qemu = options.qemu ?? 'qemu-system-x86_64'
    this.standbys = new Standbys(this.#store, this.#monitors, {
      build: async (likeness, wish) => this.#build(await this.#store.allocate(), likeness, wish),
      destroy: (domid) => this.destroy(domid),
    })
  }

  reserve(): Promise<number> {
    return this.#store.allocate()
  }

  async create(spec: DomainSpec, reserved?: number): Promise<number> {
    return this.#build(reserved ?? (await this.#store.allocate()), { spec, slots: slotsOf(spec) }, null)
  }

  async #build(domid: number, likeness: DomainLikeness, standby: StandbyWish | null): Promise<number> {
    const { spec } = likeness
    try {
      const record = await this.#start(domid, likeness, standby)
      await this.#monitors.untilUp(record)
      await this.#ends.watch(record)
      return domid
    } catch (error) {
      const record = await this.#store.read(domid)
      if (record !== null) {
        await killAndWait(record.process)
        await this.#store.save({ ...record, ended: true })
      }
      for (const nic of spec.nics) await removeTap(tapName(domid, nic.device))
      await this.#monitors.sweep(domid)
      throw error
    }
  }

  async unpause(domid: number): Promise<void> {
    await this.#monitors.command(domid, (qmp) => qmp.execute('cont'))
  }

  /** The vCPUs stand when this resolves; QEMU itself answers only when I/O in flight is done, which a frozen mirror may hold up. */
  async pause(domid: number): Promise<void> {
    // One that waits for its I/O hears nobody.
    if (await this.#isStanding(domid)) return
    await this.#monitors.command(domid, async (qmp) => {
      const stopped = qmp.event(({ event }) => event === 'STOP', STOP_MS)
      await Promise.race([qmp.execute('stop', {}, STOP_MS), stopped])
    })
  }

  async shutdown(domid: number, timeoutMs: number): Promise<void> {
    const record = await this.#store.live(domid)
    this.#ends.expect(domid)
    for (const until = performance.now() + timeoutMs; performance.now() < until;) {
      await this.#pressPowerButton(record)
      const gone = await goneWithin(record.process, Math.min(PRESS_AGAIN_MS, until - performance.now()))
      if (gone) return this.#ends.bury(record)
    }
    this.#ends.expectNoMore(domid)
    throw new Error(`domain ${domid} did not power off within ${timeoutMs} ms`)
  }

  async destroy(domid: number): Promise<void> {
    const record = await this.#store.live(domid)
    this.#ends.expect(domid)
    await this.#store.save({ ...record, destroyed: true })
    await killAndWait(record.process)
    await this.#ends.bury(record)
  }

  plugDisk: DomainManager['plugDisk'] = (domid, disk) => this.#plugs.plugDisk(domid, disk)
  unplugDisk: DomainManager['unplugDisk'] = (domid, userdevice) => this.#plugs.unplugDisk(domid, userdevice)
  plugNic: DomainManager['plugNic'] = (domid, nic) => this.#plugs.plugNic(domid, nic)
  unplugNic: DomainManager['unplugNic'] = (domid, device) => this.#plugs.unplugNic(domid, device)

  async list(): Promise<readonly LabDomainState[]> {
    const states = await Promise.all((await this.#store.domains()).map((record) => this.#state(record)))
    return states.filter((state) => state !== null)
  }

  async find(who: string): Promise<number | null> {
    const named = (record: DomainRecord): boolean => record.spec.name === who && !isWaiting(record)
    const found = (await this.#store.current()).filter((record) => String(record.domid) === who || named(record))
    for (const { domid, process } of found) if (await isAlive(process)) return domid
    return null
  }

  onEnd(listener: EndListener): void {
    this.#ends.onEnd(listener)
  }

  async consoleText(domid: number): Promise<string> {
    return textOf(this.#store.path(domid, 'console.log'))
  }

  close(): void {
    this.#ends.close()
  }

  async #start(domid: number, { spec, slots }: DomainLikeness, standby: StandbyWish | null): Promise<DomainRecord> {
    const accelerator = await findAccelerator(spec.kernel, this.#qemu)
    await mkdir(this.#monitors.directory, { recursive: true })
    const files = this.#monitors.files(domid)
    // QEMU would let everybody read it.
    await writeFile(files.memory, '', { mode: 0o600 })
    for (const nic of spec.nics) await addTap(tapName(domid, nic.device), nic.bridge)
    const process = await spawnMachine(this.#qemu, machineArguments(domid, { spec, slots, accelerator, files, standby }), {
      request: this.#store.path(domid, 'request'),
      events: this.#store.path(domid, 'events.log'),
      log: this.#store.path(domid, 'qemu.log'),
    })
    const waiting = standby === null ? {} : { standby: { ...standby, state: 'waiting' as const } }
    const record: DomainRecord = { domid, spec, process, slots, ...waiting, destroyed: false, ended: false }
    await this.#store.save(record)
    return record
  }

  async #pressPowerButton({ domid, process }: DomainRecord): Promise<void> {
    try {
      await this.#monitors.command(domid, (qmp) => qmp.execute('system_powerdown'))
    } catch (error) {
      if (await isAlive(process)) throw error
    }
  }

  async #state(record: DomainRecord): Promise<LabDomainState | null> {
    const { vmUuid, name, memoryBytes, vcpus } = record.spec
    const cpuSeconds = await cpuSecondsOf(record.process)
    if (cpuSeconds === null) return null
    return { domid: record.domid, vmUuid, name, memoryBytes, vcpus, cpuSeconds, paused: await this.#isStanding(record.domid) }
  }

  /** As Xen does, this tells it without a word of the machine itself. */
  async #isStanding(domid: number): Promise<boolean> {
    return isStanding(await eventsIn(this.#store.path(domid, 'events.log')))
  }
}

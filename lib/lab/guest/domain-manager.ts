import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DomainEnd, DomainManager, DomainSpec, DomainState } from '../contract'
import { findAccelerator } from './machine/accelerator'
import { machineArguments, slotsOf, tapName, type MachineSockets } from './machine/arguments'
import { hasCode, DomainStore, type DomainRecord } from './machine/domain-store'
import { endFrom } from './machine/end'
import { cpuSecondsOf, goneWithin, isAlive, killAndWait } from './machine/process-identity'
import { Plugs } from './machine/plugs'
import { isRecord, Qmp, QmpError } from './machine/qmp'
import { spawnMachine } from './machine/spawn'
import { addTap, removeTap } from './machine/tap'

export interface DomainManagerOptions {
  /** Survives this process, not the host's boot. */
  readonly stateDir?: string
  /** Where dom0 looks for QMP sockets. */
  readonly socketDir?: string
  readonly qemu?: string
}

export interface LabDomainState extends DomainState {
  readonly name: string
  readonly memoryBytes: number
  readonly vcpus: number
  readonly cpuSeconds: number
}

export interface LabDomainManager extends DomainManager {
  list(): Promise<readonly LabDomainState[]>
  /** What the domain printed on its console so far; '' for one that is not known. */
  consoleText(domid: number): Promise<string>
  /** Stops watching; the domains run on. */
  close(): void
}

const START_MS = 30_000
const LINGER_MS = 5_000
/** The guest may be too young to hear the first press of the power button. */
const PRESS_AGAIN_MS = 2_000

type EndListener = (domid: number, vmUuid: string, end: DomainEnd) => void

/**
 * Domains as QEMU processes: each in a session of its own with its record in `stateDir`, so that any process of the host can find,
 * pause or destroy it, and one that comes back takes them over. Domains are watched from the first onEnd() or create() on.
 */
export function createDomainManager(options: DomainManagerOptions = {}): LabDomainManager {
  return new QemuDomains(options)
}

class QemuDomains implements LabDomainManager {
  readonly #store: DomainStore
  readonly #plugs: Plugs
  readonly #socketDir: string
  readonly #qemu: string
  readonly #listeners: EndListener[] = []
  readonly #watches = new Map<number, Qmp>()
  readonly #ourDoing = new Set<number>()
  #closed = false

  constructor(options: DomainManagerOptions) {
    this.#store = new DomainStore(options.stateDir ?? '/run/xen-lab')
    this.#socketDir = options.socketDir ?? '/var/run/xen'
    this.#qemu = options.qemu ?? 'qemu-system-x86_64'
    this.#plugs = new Plugs(this.#store, (domid, work) => this.#command(domid, work))
  }

  reserve(): Promise<number> {
    return this.#store.allocate()
  }

  async create(spec: DomainSpec, reserved?: number): Promise<number> {
    const accelerator = await findAccelerator(spec.kernel, this.#qemu)
    const domid = reserved ?? (await this.#store.allocate())
    const sockets = this.#sockets(domid)
    const path = (file: string): string => this.#store.path(domid, file)
    try {
      await mkdir(this.#socketDir, { recursive: true })
      for (const nic of spec.nics) await addTap(tapName(domid, nic.device), nic.bridge)
      const args = machineArguments(domid, spec, accelerator, sockets)
      const process = await spawnMachine(this.#qemu, args, {
        request: path('request'),
        events: path('events.log'),
        log: path('qemu.log'),
      })
      const record = { domid, spec, process, slots: slotsOf(spec), destroyed: false, ended: false }
      await this.#store.save(record)
      await this.#untilUp(record)
      await this.#watch(record)
      return domid
    } catch (error) {
      const record = await this.#store.read(domid)
      if (record !== null) await killAndWait(record.process)
      for (const nic of spec.nics) await removeTap(tapName(domid, nic.device))
      if (record !== null) await this.#store.save({ ...record, ended: true })
      throw error
    }
  }

  async unpause(domid: number): Promise<void> {
    await this.#command(domid, (qmp) => qmp.execute('cont'))
  }

  /** The vCPUs stand when this resolves; I/O in flight may still be waited for, for as long as a frozen mirror takes. */
  async pause(domid: number): Promise<void> {
    await this.#command(domid, async (qmp) => {
      const stopped = qmp.event(({ event }) => event === 'STOP', START_MS)
      await Promise.any([qmp.execute('stop'), stopped])
    })
  }

  async shutdown(domid: number, timeoutMs: number): Promise<void> {
    const record = await this.#store.live(domid)
    this.#ourDoing.add(domid)
    for (const until = performance.now() + timeoutMs; performance.now() < until;) {
      await this.#press(domid)
      const gone = await goneWithin(record.process, Math.min(PRESS_AGAIN_MS, until - performance.now()))
      if (gone) return this.#bury(record)
    }
    this.#ourDoing.delete(domid)
    throw new Error(`domain ${domid} did not power off within ${timeoutMs} ms`)
  }

  async destroy(domid: number): Promise<void> {
    const record = await this.#store.live(domid)
    this.#ourDoing.add(domid)
    await this.#store.save({ ...record, destroyed: true })
    await killAndWait(record.process)
    await this.#bury(record)
  }

  plugDisk: DomainManager['plugDisk'] = (domid, disk) => this.#plugs.plugDisk(domid, disk)
  unplugDisk: DomainManager['unplugDisk'] = (domid, userdevice) => this.#plugs.unplugDisk(domid, userdevice)
  plugNic: DomainManager['plugNic'] = (domid, nic) => this.#plugs.plugNic(domid, nic)
  unplugNic: DomainManager['unplugNic'] = (domid, device) => this.#plugs.unplugNic(domid, device)

  async list(): Promise<readonly LabDomainState[]> {
    const records = await this.#store.current()
    const states = await Promise.all(records.map((record) => this.#state(record)))
    return states.filter((state) => state !== null)
  }

  onEnd(listener: EndListener): void {
    this.#listeners.push(listener)
    if (this.#listeners.length === 1) void this.#adopt()
  }

  async consoleText(domid: number): Promise<string> {
    return textOf(this.#store.path(domid, 'console.log'))
  }

  close(): void {
    this.#closed = true
    for (const watch of this.#watches.values()) watch.close()
  }

  #sockets(domid: number): MachineSockets {
    return {
      command: join(this.#socketDir, `qmp-libxl-${domid}`),
      event: join(this.#socketDir, `qmp-event-${domid}`),
      console: this.#store.path(domid, 'console.sock'),
      consoleLog: this.#store.path(domid, 'console.log'),
    }
  }

  async #command<T>(domid: number, work: (qmp: Qmp) => Promise<T>): Promise<T> {
    await this.#store.live(domid)
    const qmp = await Qmp.open(this.#sockets(domid).command)
    try {
      return await work(qmp)
    } finally {
      qmp.close()
    }
  }

  /** The greeting comes when devices and disks are in place. */
  async #untilUp(record: DomainRecord): Promise<void> {
    for (const until = performance.now() + START_MS; performance.now() < until;) {
      try {
        const qmp = await Qmp.open(this.#sockets(record.domid).command, START_MS)
        qmp.close()
        return
      } catch (error) {
        if (!isUnreachable(error)) throw error
        if (!(await isAlive(record.process))) break
      }
      await sleep(20)
    }
    const log = await textOf(this.#store.path(record.domid, 'qemu.log'))
    throw new Error(`the machine of ${record.spec.name} did not come up: ${log.trim().split('\n').slice(-3).join('; ')}`)
  }

  async #watch(record: DomainRecord): Promise<void> {
    const watch = await Qmp.open(this.#sockets(record.domid).event)
    this.#watches.set(record.domid, watch)
    void watch.closed.then(async () => {
      this.#watches.delete(record.domid)
      if (!this.#closed) await this.#ended(record)
    })
  }

  /** Takes over what another process of this host started, and tells of what ended while nobody watched. */
  async #adopt(): Promise<void> {
    for (const record of await this.#store.current()) {
      if (this.#watches.has(record.domid) || this.#ourDoing.has(record.domid)) continue
      if (await isAlive(record.process)) await this.#watch(record)
      else await this.#ended(record)
    }
  }

  async #ended({ domid, process, spec }: DomainRecord): Promise<void> {
    if (this.#ourDoing.has(domid)) return
    if (!(await goneWithin(process, LINGER_MS))) await killAndWait(process)
    const record = await this.#store.read(domid)
    if (record === null) return
    // Destroyed by another program of the host: for the toolstack that is a machine that is simply gone.
    const end = record.destroyed ? 'shutdown' : await endFrom(this.#store.path(domid, 'events.log'))
    await this.#bury(record)
    for (const listener of this.#listeners) listener(domid, spec.vmUuid, end)
  }

  /** Whoever does not watch leaves the record, so that the one who does can tell of the end. */
  async #bury(record: DomainRecord): Promise<void> {
    for (const slot of record.slots) {
      if (slot?.startsWith('nic-') === true) await removeTap(tapName(record.domid, slot.slice('nic-'.length)))
    }
    if (this.#listeners.length === 0 && !this.#watches.has(record.domid)) return
    await this.#store.save({ ...record, ended: true })
    await this.#store.prune()
  }

  async #press(domid: number): Promise<void> {
    try {
      await this.#command(domid, (qmp) => qmp.execute('system_powerdown'))
    } catch (error) {
      const record = await this.#store.read(domid)
      if (record !== null && (await isAlive(record.process))) throw error
    }
  }

  async #state(record: DomainRecord): Promise<LabDomainState | null> {
    const { vmUuid, name, memoryBytes, vcpus } = record.spec
    const cpuSeconds = await cpuSecondsOf(record.process)
    if (cpuSeconds === null) return null
    const known = { domid: record.domid, vmUuid, name, memoryBytes, vcpus, cpuSeconds }
    try {
      const status = await this.#command(record.domid, (qmp) => qmp.execute('query-status'))
      return { ...known, paused: !(isRecord(status) && status['running'] === true) }
    } catch (error) {
      if (!isUnreachable(error)) throw error
      // A monitor that is silent while its process lives waits for I/O after a stop: the vCPUs stand.
      return (await isAlive(record.process)) ? { ...known, paused: true } : null
    }
  }
}

const isUnreachable = (error: unknown): boolean =>
  error instanceof QmpError || hasCode(error, 'ENOENT') || hasCode(error, 'ECONNREFUSED') || hasCode(error, 'ECONNRESET')

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  }
}

import type { PrepareStandby, RecentFrames, StandbyMachine } from '../../ports/standby-machine'
import type { PreparedDisk, PreparedStandby } from '../../wire/standby-host'
import { MemoryFile } from './memory-file'
import { loadState } from './qemu-standby'
import { Qmp } from './qmp'
import { ReplayFilters } from './replay-filters'
import type { StandbyHost } from './standby-host'
import { failure } from '../system/system-error'

const LIMIT_MS = 5000
/** How long a disk's server may be away before the guest sees an error; and how long one that is not there yet is waited for. */
const RECONNECT_SECONDS = 300
const OPEN_SECONDS = 2
/** In ms: QEMU says five times where the guest is now. */
const ANNOUNCE = { initial: 50, max: 550, rounds: 5, step: 100 }

export interface StandbyParts {
  readonly host: StandbyHost
  /** On tmpfs, for nobody else, and reachable by QEMU. */
  readonly folder: string
  /** Where this host serves a volume of the VM from the moment at which the standby runs. */
  readonly served: (volume: string) => { readonly socket: string; readonly exportName: string }
}

/** Standbys that are machines of QEMU, by what the host does for them (docs/reference/lockstep-host.md). */
export const prepareStandby =
  (parts: StandbyParts): PrepareStandby =>
  async (spec) => {
    const { host } = parts
    const prepared = await host.prepare(spec)
    try {
      const qmp = await Qmp.open(prepared.monitor, LIMIT_MS)
      try {
        const replay = await ReplayFilters.add(qmp, parts.folder)
        try {
          const memory = await MemoryFile.open(prepared.memoryFile, spec.memoryBytes)
          return new QemuStandby(parts, prepared, { qmp, memory, replay })
        } catch (error) {
          replay.close()
          throw error
        }
      } catch (error) {
        qmp.close()
        throw error
      }
    } catch (error) {
      await host.end(prepared.domid)
      throw error
    }
  }

interface OpenStandby {
  readonly qmp: Qmp
  readonly memory: MemoryFile
  readonly replay: ReplayFilters
}

class QemuStandby implements StandbyMachine {
  private isRunning = false
  private isOver = false

  constructor(
    private readonly parts: StandbyParts,
    private readonly prepared: PreparedStandby,
    private readonly open: OpenStandby,
  ) {}

  get domid(): string {
    return this.prepared.domid
  }

  fill: StandbyMachine['fill'] = async (pages) => {
    // Its memory is a file that outlives it: without this nobody would know before it is needed.
    if (this.open.qmp.isOver) throw failure('ECONNRESET', 'the waiting machine is gone')
    for (const part of pages) await this.open.memory.write(part)
  }

  async load(state: Buffer, recent: RecentFrames): Promise<void> {
    const { qmp, replay } = this.open
    await loadState(qmp, state, this.parts.folder)
    replay.replay(recent)
  }

  /** When it rejects with the machine running, it can be called again, for the host and XAPI to know of it. */
  async run(goes: () => void): Promise<void> {
    const { host } = this.parts
    const { qmp, replay } = this.open
    if (this.isRunning) return host.run(this.prepared.domid)
    await Promise.all(this.prepared.disks.map((disk) => this.connect(disk)))
    const goesOn = qmp.execute('cont', {}, LIMIT_MS)
    // On its way before the host's part is begun, which takes a program's start.
    const isAnnounced = qmp.execute('announce-self', ANNOUNCE, LIMIT_MS)
    const answered = Promise.all([goesOn, isAnnounced])
    answered.catch(() => undefined)
    await goesOn
    this.isRunning = true
    goes()
    const rest = await Promise.allSettled([answered, host.run(this.prepared.domid), replay.remove()])
    await this.letGo()
    for (const each of rest) if (each.status === 'rejected') throw each.reason
  }

  async end(): Promise<void> {
    await this.letGo()
    if (!this.isRunning) await this.parts.host.end(this.prepared.domid)
  }

  /** The front end keeps its node; what that reads and writes is replaced. */
  private async connect({ volume, node, readOnly }: PreparedDisk): Promise<void> {
    const { socket, exportName } = this.parts.served(volume)
    const common = { 'read-only': readOnly, discard: 'unmap' }
    const file = `${node}-served`
    const server = { type: 'unix', path: socket }
    const nbd = { driver: 'nbd', server, export: exportName, 'reconnect-delay': RECONNECT_SECONDS, 'open-timeout': OPEN_SECONDS }
    await this.open.qmp.execute('blockdev-add', { ...common, ...nbd, 'node-name': file }, LIMIT_MS)
    const options = [{ ...common, driver: 'raw', 'node-name': node, file }]
    await this.open.qmp.execute('blockdev-reopen', { options }, LIMIT_MS)
  }

  private async letGo(): Promise<void> {
    if (this.isOver) return
    this.isOver = true
    const { qmp, memory, replay } = this.open
    replay.close()
    qmp.close()
    await memory.close()
  }
}

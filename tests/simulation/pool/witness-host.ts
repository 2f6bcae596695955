import type { ClaimRecord } from '../../../lib/core/domain/claim-record'
import { WitnessDaemon } from '../../../lib/daemon/witness-daemon'
import type { ClaimLog } from '../../../lib/ports/claim-log'
import { must } from '../mirror/must'
import { failure } from './failure'
import { Process, type Nature, type Ticking } from './process'
import { silentLog } from './silent-log'
import type { WitnessWire } from './witness-wire'

/** What the witness's disk holds. */
interface Kept {
  readonly records: Map<string, ClaimRecord>
  revision: number
}

const AGAIN_MS = 500

const keyOf = (record: ClaimRecord): string => `${record.pool}/${record.kind === 'stored' ? record.claim.vm : record.vm}`

/** The machine of a witness: its daemon, a log on a disk, and who is connected. What is on the disk outlives the daemon. */
export class WitnessHost {
  readonly wires = new Set<WitnessWire>()
  readonly #kept: Kept = { records: new Map(), revision: 0 }
  #process: Process | null = null
  #daemon: WitnessDaemon | null = null
  #writing: readonly ClaimRecord[] = []
  /** No room is left. */
  full = false
  /** The disk answers errors. */
  fails = false

  constructor(
    readonly name: string,
    private readonly nature: Nature,
    private readonly ticking: Ticking,
    private readonly diskMs: number,
    private readonly onStored: (record: ClaimRecord, by: WitnessHost) => void,
  ) {}

  get daemon(): WitnessDaemon | null {
    return this.#daemon
  }

  get process(): Process {
    return must(this.#process, 'a witness that runs is a process')
  }

  /** As it is on the disk. */
  stored(pool: string, vm: string): Extract<ClaimRecord, { kind: 'stored' }> | null {
    const record = this.#kept.records.get(`${pool}/${vm}`)
    return record?.kind === 'stored' ? record : null
  }

  /** Before it runs. */
  keep(record: ClaimRecord): void {
    this.#kept.records.set(keyOf(record), record)
    this.#kept.revision = Math.max(this.#kept.revision, record.revision)
    this.onStored(record, this)
  }

  start(): void {
    const process = new Process(this.nature, this.ticking)
    this.#process = process
    const claims: ClaimLog = {
      witness: this.name,
      revision: this.#kept.revision,
      records: [...this.#kept.records.values()].filter(({ kind }) => kind === 'stored'),
      append: async (records) => {
        this.#writing = records
        await process.within(this.diskMs)
        if (this.fails) throw failure('EIO')
        this.#writing = []
        if (this.full) return 'no-room'
        for (const record of records) this.keep(record)
        return 'durable'
      },
      close: () => Promise.resolve(),
    }
    // Its supervisor starts it again.
    const broken = (error: unknown): void => {
      if (!(error instanceof Error && 'code' in error)) throw error
      this.crash()
      this.nature.schedule.after(AGAIN_MS, () => {
        if (this.#daemon === null) this.start()
      })
    }
    this.#daemon = new WitnessDaemon({ claims, clock: process.clock, log: silentLog, broken })
  }

  /** Of a batch that is being written any part may be there, from its beginning on. */
  crash(): void {
    if (this.#process === null) return
    this.#process.life.alive = false
    this.#process = this.#daemon = null
    const written = this.nature.dice.below(this.#writing.length + 1)
    for (const record of this.#writing.slice(0, written)) this.keep(record)
    this.#writing = []
    for (const wire of [...this.wires]) wire.reset()
  }
}

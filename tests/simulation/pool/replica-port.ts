import type { VolumeKey } from '../../../lib/core/domain/ids'
import type { ReplicaMetadata } from '../../../lib/core/domain/volume'
import type { BlockDevice } from '../../../lib/ports/block-device'
import type { HeadChange, OpenReplica, StoredReplica, Tracking } from '../../../lib/ports/replica-store'
import type { WorkerVolume } from '../../../lib/wire/worker-api'
import { carry, CELL_BYTES, cellsOf } from '../../world/cells'
import type { DiskAsk } from '../../world/disk'
import { cellRange } from '../mirror/cell-range'
import { must } from '../mirror/must'
import type { Noted } from '../mirror/notes'
import type { Store } from '../mirror/store'
import { failure } from './failure'
import type { Process } from './process'

/** A disk that is silent is looked at again. */
const LOOK_AGAIN_MS = 50

/** What an earlier process asked of the disk has ended when a replica is open. */
export const openReplicaOn =
  (
    process: Process,
    notesMs: number,
    storeOf: (volume: VolumeKey) => Store<string>,
    failed: (volume: VolumeKey) => void,
  ): OpenReplica =>
  async (volume, create) => {
    const store = storeOf(volume.key)
    await process.heard<undefined>((quiet) => store.disk.whenQuiet(() => quiet(undefined)))
    await process.within(notesMs)
    while (store.disk.hangs) await process.within(LOOK_AGAIN_MS)
    if (store.disk.trouble !== 'none') {
      failed(volume.key)
      throw failure('EIO')
    }
    if (store.notes.noted === null) {
      if (!create) throw failure('ENOENT')
      store.make()
    }
    return new OpenStore(process, store, volume, () => failed(volume.key))
  }

class OpenStore implements StoredReplica {
  readonly device: BlockDevice
  readonly tracking: Tracking | 'lost'
  metadata: ReplicaMetadata
  readonly #era: number

  constructor(
    private readonly process: Process,
    private readonly store: Store<string>,
    { key, sizeBytes }: WorkerVolume,
    private readonly failed: () => void,
  ) {
    const { replica, term, state, generations, boot, hot, pages } = must(store.notes.noted, 'a replica was made')
    this.#era = store.era
    this.metadata = { volume: key, replica, sizeBytes, term, state, generations, boot }
    this.tracking = store.notes.trackingLost ? 'lost' : { hot, pages }
    this.device = {
      sizeBytes,
      read: async (offset, into) => {
        const cells = await this.#ask({ kind: 'read', ...cellRange({ offset, length: into.length }) })
        carry(into, must(cells, 'a read answers cells'))
      },
      write: async (offset, data) => {
        await this.#ask({ kind: 'write', first: offset / CELL_BYTES, cells: cellsOf(data) })
      },
      zero: async (offset, length) => {
        const { first, count } = cellRange({ offset, length })
        await this.#ask({ kind: 'write', first, cells: new Int32Array(count) })
      },
      flush: async () => {
        await this.#ask({ kind: 'flush' })
      },
      close: () => Promise.resolve(),
    }
  }

  async save(change: HeadChange): Promise<void> {
    await this.#save((noted) => ({ ...noted, ...change }))
    this.metadata = { ...this.metadata, ...change }
  }

  saveHot(extents: readonly number[]): Promise<void> {
    const hot = [...extents]
    return this.#save((noted) => ({ ...noted, hot }))
  }

  async savePages(pages: ReadonlyMap<number, Buffer>): Promise<void> {
    const copies = [...pages].map(([page, bytes]) => [page, Buffer.from(bytes)] as const)
    await this.#save((noted) => ({ ...noted, pages: new Map([...noted.pages, ...copies]) }))
    this.store.notes.trackingLost = false
  }

  close(): Promise<void> {
    return this.process.within(1)
  }

  /** Whoever has a disk open that is gone gets errors. */
  async #here(): Promise<void> {
    if (this.store.era === this.#era) return
    await this.process.within(1)
    throw failure('EIO')
  }

  async #ask(ask: DiskAsk): Promise<Int32Array | undefined> {
    await this.#here()
    const { error, cells } = await new Promise<{ error: string; cells: Int32Array | undefined }>((resolve) => {
      this.store.disk.ask(ask, this.process.life, (said, read) => resolve({ error: said, cells: read }))
    })
    if (error !== '') this.#fails(error)
    return cells
  }

  async #save(change: (noted: Noted) => Noted): Promise<void> {
    await this.#here()
    const error = await new Promise<string>((resolve) => this.store.notes.save(this.process.life, change, resolve))
    if (error !== '') this.#fails(error)
  }

  #fails(error: string): never {
    this.failed()
    throw failure(error)
  }
}

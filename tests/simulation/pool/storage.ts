import type { VolumeKey } from '../../../lib/core/domain/ids'
import type { VolumeRecord } from '../../../lib/core/domain/volume'
import type { SrRegistry, VolumeStore } from '../../../lib/ports/volume-store'
import type { Store } from '../mirror/store'
import type { Process } from './process'

export const SR = '77777777-0000-4000-8000-000000000001'
const SR_PATH = '/sr'
const ROOM_BYTES = 1e12
const SAVE_MS = 5

/** A host's folder of the SR. What is in it outlives the power; that it is attached does not, except as something to remember. */
export class HostStorage {
  readonly records = new Map<VolumeKey, VolumeRecord>()
  isAttached = false
  #wasAttached = false

  /** `hasDisk`: hosts that are none of a volume's two have none for it. */
  constructor(
    private readonly storeOf: (volume: VolumeKey) => Store<string>,
    private readonly hasDisk: (volume: VolumeKey) => boolean,
  ) {}

  registry(process: Process): SrRegistry {
    return {
      list: () => (this.isAttached ? [{ sr: SR, path: SR_PATH }] : []),
      remembered: () => (this.#wasAttached ? [{ sr: SR, path: SR_PATH }] : []),
      add: async () => {
        await process.within(SAVE_MS)
        this.isAttached = this.#wasAttached = true
      },
      remove: async () => {
        await process.within(SAVE_MS)
        this.isAttached = this.#wasAttached = false
      },
      open: () => this.#open(process),
    }
  }

  #open(process: Process): VolumeStore {
    return {
      load: async () => {
        await process.within(SAVE_MS)
        return [...this.records.values()]
      },
      save: async (record) => {
        await process.within(SAVE_MS)
        this.records.set(record.key, record)
      },
      imagePath: (key) => `${SR_PATH}/${key}`,
      makeFirstReplica: async ({ key }) => {
        await process.within(SAVE_MS)
        const store = this.storeOf(key)
        store.make()
        const { notes } = store
        if (notes.noted !== null) notes.noted = { ...notes.noted, state: 'up-to-date' }
      },
      dropReplica: async (key) => {
        await process.within(SAVE_MS)
        this.storeOf(key).replace()
      },
      resize: () => process.within(SAVE_MS),
      space: async () => {
        await process.within(SAVE_MS)
        return { totalBytes: ROOM_BYTES, freeBytes: ROOM_BYTES }
      },
      usedBytes: async (key) => {
        await process.within(SAVE_MS)
        return !this.hasDisk(key) || this.storeOf(key).notes.noted === null ? 0 : 1
      },
      hasSetAside: () => Promise.resolve(false),
    }
  }
}

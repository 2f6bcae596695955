import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { ReplicaMetadata } from '../core/domain/volume'
import type { BlockDevice } from '../ports/block-device'
import type { HeadChange, OpenReplica, StoredReplica } from '../ports/replica-store'
import type { WorkerVolume } from '../wire/worker-api'
import { openBlockFile } from './block-file'
import { NO_GENERATIONS, replicaMetadata, type MetadataStore } from './replica-metadata'
import { codeOf } from './system-error'

/**
 * A replica in an image file (or block device) with its metadata beside it. Rejects with ENOENT for a missing one, `EVOLUME`
 * when it is another volume's, `ESIZE` when it is larger than the volume (one that is smaller grows), the codes of
 * replica-metadata.ts, or the system's error.
 */
export const openReplica: OpenReplica = async (volume, create) => {
  const store = replicaMetadata(volume.path)
  const image = await imageAt(volume.path)
  const known = await knownMetadata(store, create)
  if (image === 'missing' || known === null) {
    if (!create) throw failure('ENOENT', `no replica of ${volume.key} at ${volume.path}`)
    return makeReplica(volume, store, image !== 'missing')
  }
  if (known.volume !== volume.key) throw failure('EVOLUME', `${volume.path} belongs to volume ${known.volume}`)
  const device = await openBlockFile({ path: volume.path, sizeBytes: volume.sizeBytes, create: image === 'file' })
  const replica = new ImageReplica(device, known, store)
  if (known.sizeBytes !== volume.sizeBytes) await replica.change({ sizeBytes: volume.sizeBytes })
  return replica
}

const failure = (code: string, text: string): Error => Object.assign(new Error(`${code}: ${text}`), { code })

async function imageAt(path: string): Promise<'missing' | 'file' | 'device'> {
  try {
    return (await stat(path)).isBlockDevice() ? 'device' : 'file'
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'missing'
    throw error
  }
}

/** Whoever asks for a new replica when the old one cannot be known does without the old one; one of a later release is left alone. */
async function knownMetadata(store: MetadataStore, create: boolean): Promise<ReplicaMetadata | null> {
  try {
    return await store.load()
  } catch (error) {
    if (!create || codeOf(error) !== 'METADATA_DAMAGED') throw error
    await store.remove()
    return null
  }
}

/** Metadata last: until it is there, a crash leaves a replica that counts as missing. */
async function makeReplica({ path, key, sizeBytes }: WorkerVolume, store: MetadataStore, over: boolean): Promise<StoredReplica> {
  await store.remove()
  const device = await openBlockFile({ path, sizeBytes, create: true })
  try {
    if (over) await device.zero(0, sizeBytes, true)
    await device.flush()
    const head = { volume: key, replica: randomUUID(), sizeBytes, term: 0, state: 'inconsistent' } as const
    const metadata = { ...head, generations: NO_GENERATIONS }
    await store.save(metadata)
    return new ImageReplica(device, metadata, store)
  } catch (error) {
    await device.close()
    throw error
  }
}

class ImageReplica implements StoredReplica {
  /** What was asked to be saved last; `metadata` follows when it is on the disk. */
  private wanted: ReplicaMetadata
  readonly tracking = 'lost'

  constructor(
    readonly device: BlockDevice,
    public metadata: ReplicaMetadata,
    private readonly store: MetadataStore,
  ) {
    this.wanted = metadata
  }

  saveHot(): Promise<void> {
    return Promise.reject(failure('ENOSYS', 'not built'))
  }

  savePages(): Promise<void> {
    return Promise.reject(failure('ENOSYS', 'not built'))
  }

  save(change: HeadChange): Promise<void> {
    return this.change(change)
  }

  async change(change: Partial<ReplicaMetadata>): Promise<void> {
    const next = { ...this.wanted, ...change }
    this.wanted = next
    await this.store.save(next)
    this.metadata = next
  }

  close(): Promise<void> {
    return this.device.close()
  }
}

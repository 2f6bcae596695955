import type { ReplicaMetadata } from '../core/domain/volume'
import type { WorkerVolume } from '../wire/worker-api'
import type { BlockDevice } from './block-device'

/** A replica on this host: its bytes and what it knows of itself. */
export interface StoredReplica {
  readonly device: BlockDevice
  readonly metadata: ReplicaMetadata
  /** On stable storage when it resolves. */
  save(change: Partial<Pick<ReplicaMetadata, 'term' | 'state'>>): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a volume's replica. `create`: a missing one is made, empty and inconsistent, with a new identity; otherwise a missing one
 * rejects with ENOENT. A replica whose image is there and whose metadata is not (or the other way round) counts as missing.
 */
export type OpenReplica = (volume: WorkerVolume, create: boolean) => Promise<StoredReplica>

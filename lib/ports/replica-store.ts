import type { ReplicaMetadata } from '../core/domain/volume'
import type { WorkerVolume } from '../wire/worker-api'
import type { BlockDevice } from './block-device'

/**
 * A replica on this host: its bytes and what it knows of itself. Several saves may be under way; those of one kind are carried
 * out in order. A save that fails rejects with the system's code, and the replica is to be taken for failed.
 */
export interface StoredReplica {
  readonly device: BlockDevice
  /** The head, as saved last. */
  readonly metadata: ReplicaMetadata
  /** As found at open. `'lost'`: no copy could be trusted, and every block may be dirty. */
  readonly tracking: Tracking | 'lost'
  /** On stable storage, in both copies, when it resolves. */
  save(change: HeadChange): Promise<void>
  /** Replaces the activity log: at most HOT_EXTENTS_MAX numbers of extents. On stable storage, in both copies, when it resolves. */
  saveHot(extents: readonly number[]): Promise<void>
  /**
   * Replaces these pages of the dirty bitmap: number of the page -> PAGE_BYTES, where bit n (least significant first) of byte m
   * stands for block `page * BLOCKS_PER_PAGE + 8 * m + n`. On stable storage, in both copies, when it resolves.
   */
  savePages(pages: ReadonlyMap<number, Buffer>): Promise<void>
  close(): Promise<void>
}

export type HeadChange = Partial<Pick<ReplicaMetadata, 'term' | 'state' | 'generations' | 'boot'>>

/** Which parts of a replica may differ from the peer's. */
export interface Tracking {
  /** The activity log. */
  readonly hot: readonly number[]
  /** The dirty bitmap; pages without a set bit are left out. */
  readonly pages: ReadonlyMap<number, Buffer>
}

/**
 * Opens a volume's replica. `create`: a missing one is made, empty and inconsistent, with a new identity; otherwise a missing one
 * rejects with ENOENT. A replica whose image is there and whose metadata is not (or the other way round) counts as missing.
 */
export type OpenReplica = (volume: WorkerVolume, create: boolean) => Promise<StoredReplica>

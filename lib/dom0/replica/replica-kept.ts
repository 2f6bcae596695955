import type { ReplicaMetadata } from '../../core/domain/volume'
import type { BlockDevice } from '../../ports/block-device'
import type { HeadChange, StoredReplica } from '../../ports/replica-store'
import { allDone } from './replica-copies'
import type { MetadataStore } from './replica-metadata'
import type { TrackingStore } from './replica-tracking'

/** A replica that is open: a device and the stores of its metadata. */
export class KeptReplica implements StoredReplica {
  /** What was asked to be saved last; `metadata` follows when it is on the disk. */
  private wanted: ReplicaMetadata

  constructor(
    readonly device: BlockDevice,
    public metadata: ReplicaMetadata,
    readonly tracking: StoredReplica['tracking'],
    private readonly heads: MetadataStore,
    private readonly store: TrackingStore,
  ) {
    this.wanted = metadata
  }

  save(change: HeadChange): Promise<void> {
    return this.change(change)
  }

  async change(change: Partial<ReplicaMetadata>): Promise<void> {
    const next = { ...this.wanted, ...change }
    this.wanted = next
    await this.heads.save(next)
    this.metadata = next
  }

  saveHot(extents: readonly number[]): Promise<void> {
    return this.store.saveHot(extents)
  }

  savePages(pages: ReadonlyMap<number, Buffer>): Promise<void> {
    return this.store.savePages(pages)
  }

  close(): Promise<void> {
    return allDone([this.store.close(), this.device.close()])
  }
}

import { randomUUID } from 'node:crypto'
import { NO_GENERATIONS, type ReplicaMetadata } from '../../core/domain/volume'
import type { BlockDevice } from '../../ports/block-device'
import type { OpenReplica, StoredReplica } from '../../ports/replica-store'
import type { ReplicaSource } from '../../wire/replica-source'
import type { WorkerVolume } from '../../wire/worker-api'
import { openDevice } from '../block/open-device'
import { systemFiles, type Files } from './replica-files'
import { deviceNames, isAnother, type DeviceNames } from './replica-device'
import { makeFolderOnDisk } from './replica-folder'
import { imageSize, type ImageSize } from './replica-image'
import { replicaMetadata, type MetadataStore } from './replica-metadata'
import { KeptReplica } from './replica-kept'
import { makeTracking, openTracking, type FoundTracking, type TrackingFiles } from './replica-tracking'
import { codeOf, failure } from '../system/system-error'

/** What replicas are made of. */
export interface ReplicaParts {
  readonly files: Files
  readonly imageSize: (source: ReplicaSource) => Promise<ImageSize>
  /** `create`: a missing image is made and a shorter one lengthened. */
  readonly openDevice: (source: ReplicaSource, sizeBytes: number, create: boolean) => Promise<BlockDevice>
  readonly deviceNames: typeof deviceNames
}

/**
 * A replica with its metadata in files beside it, or where the volume says. Rejects with ENOENT for a missing one, `EVOLUME` when
 * it is another volume's, `ESIZE` when it is larger than the volume or its image is shorter than it was (a replica whose volume
 * grew grows with it), `EREPLACED` when it was opened before and is now on another device, whose contents its metadata does not
 * tell, the codes of replica-metadata.ts, or the system's error.
 */
export function replicaOpener(parts: ReplicaParts): OpenReplica {
  const before = new Map<string, DeviceNames>()
  return (volume, create) => new Opening(parts, volume, before).open(create)
}

const opener = replicaOpener({ files: systemFiles, imageSize, openDevice, deviceNames })

export const openReplica: OpenReplica = async (volume, create) => {
  // The folders of an SR are Holdfast's own; those of a place that somebody named are not.
  if (create && volume.source === undefined) await makeFolderOnDisk(volume.path)
  return opener(volume, create)
}

class Opening {
  private readonly source: ReplicaSource
  private readonly base: string
  private readonly heads: MetadataStore

  constructor(
    private readonly parts: ReplicaParts,
    private readonly volume: WorkerVolume,
    /** Where the replicas were that were opened before, by their metadata. */
    private readonly before: Map<string, DeviceNames>,
  ) {
    this.source = volume.source ?? { kind: 'file', path: volume.path }
    this.base = volume.metadata ?? volume.path
    this.heads = replicaMetadata(parts.files, this.base)
  }

  async open(create: boolean): Promise<StoredReplica> {
    const image = await this.parts.imageSize(this.source)
    const known = await this.known(create)
    if (image !== 'missing' && known !== null) return this.openKnown(known.metadata, known.format, image)
    if (create) return this.make(image !== 'missing')
    throw failure('ENOENT', `no replica of ${this.volume.key} at ${this.volume.path}`)
  }

  /** Whoever asks for a new replica when the old one cannot be known does without the old one; one of a later release stays. */
  private async known(create: boolean): ReturnType<MetadataStore['load']> {
    try {
      return await this.heads.load()
    } catch (error) {
      if (!create || codeOf(error) !== 'METADATA_DAMAGED') throw error
      return null
    }
  }

  private async openKnown(metadata: ReplicaMetadata, format: number, image: ImageSize): Promise<StoredReplica> {
    const { key, path, sizeBytes } = this.volume
    if (metadata.volume !== key) throw failure('EVOLUME', `${path} belongs to volume ${metadata.volume}`)
    if (metadata.sizeBytes > sizeBytes) throw failure('ESIZE', `${path} has ${metadata.sizeBytes} bytes, its volume ${sizeBytes}`)
    // Lengthened again, a truncated image would read as zeroes where the guest's data was.
    if (typeof image === 'number' && image < metadata.sizeBytes) {
      throw failure('ESIZE', `${path} has ${image} bytes and once had ${metadata.sizeBytes}`)
    }
    return this.withDevice(typeof image === 'number', async (device) => {
      await this.checkDevice()
      const grown = sizeBytes - metadata.sizeBytes
      // Whatever was past the end is no guest's data, and may differ from the peer's.
      if (grown > 0) await device.zero(metadata.sizeBytes, grown, true)
      if (grown > 0) await device.flush()
      const { found, store } = await this.tracking(metadata, format)
      const replica = new KeptReplica(device, metadata, found, this.heads, store)
      if (grown > 0) await replica.change({ sizeBytes })
      return replica
    })
  }

  /** It is open, and what it is called now it is called as long as it is. */
  private async checkDevice(): Promise<void> {
    const now = await this.parts.deviceNames(this.source)
    if (now === null) return
    const before = this.before.get(this.base)
    if (before !== undefined && isAnother(before, now))
      throw failure('EREPLACED', `${this.volume.path} was ${before.name} and is ${now.name}`)
    this.before.set(this.base, now)
  }

  /** Format 1 had none. */
  private async tracking({ replica, sizeBytes }: ReplicaMetadata, format: number): Promise<FoundTracking> {
    const of = this.trackingFiles(replica)
    if (format > 1) return openTracking(of, sizeBytes, this.volume.sizeBytes)
    return { found: 'lost', store: await makeTracking(of, this.volume.sizeBytes, 'dirty') }
  }

  private trackingFiles(replica: string): TrackingFiles {
    return { files: this.parts.files, base: this.base, replica }
  }

  /** The head goes first and comes last: between, a crash leaves a replica that counts as missing. */
  private async make(over: boolean): Promise<StoredReplica> {
    const { key, sizeBytes } = this.volume
    await this.heads.remove()
    return this.withDevice(true, async (device) => {
      if (over) await device.zero(0, sizeBytes, true)
      await device.flush()
      if (this.source.kind === 'file') await this.parts.files.syncFolderOf(this.source.path)
      const replica = randomUUID()
      const store = await makeTracking(this.trackingFiles(replica), sizeBytes, 'clean')
      const generations = NO_GENERATIONS
      const metadata = { volume: key, replica, sizeBytes, term: 0, state: 'inconsistent', generations, boot: '' } as const
      await this.heads.save(metadata)
      this.before.delete(this.base)
      await this.checkDevice()
      return new KeptReplica(device, metadata, { hot: [], pages: new Map() }, this.heads, store)
    })
  }

  private async withDevice(create: boolean, use: (device: BlockDevice) => Promise<StoredReplica>): Promise<StoredReplica> {
    const device = await this.parts.openDevice(this.source, this.volume.sizeBytes, create)
    try {
      return await use(device)
    } catch (error) {
      await device.close()
      throw error
    }
  }
}

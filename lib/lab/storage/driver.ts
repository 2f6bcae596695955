/**
 * What a host can do with one type of storage repository. Every driver keeps its truth on its own storage; the host remembers only
 * which repositories are attached.
 */
import { type DomainDisk } from '../contract'

export interface Volume {
  /** The driver's own name of the volume: VDI.location. */
  readonly key: string
  /** VDI.uuid, if the driver gives one. */
  readonly uuid?: string
  readonly name: string
  readonly description: string
  readonly readWrite: boolean
  readonly sharable: boolean
  readonly virtualSize: number
  readonly physicalUtilisation: number
  readonly uri: readonly string[]
  readonly keys: Readonly<Record<string, string>>
}

export interface SrUsage {
  readonly totalBytes: number
  readonly freeBytes: number
}

export type DiskSource = Exclude<DomainDisk['source'], { kind: 'awaited' }>
export type Config = Readonly<Record<string, string>>

export interface StorageDriver {
  /** Makes the repository; the answer is what every later attach is given (kept in PBD.device_config). */
  create(sr: { uuid: string; config: Config; name: string; description: string }): Promise<Config>
  /** The answer names the attached repository on this host. */
  attach(uuid: string, config: Config): Promise<string>
  detach(sr: string): Promise<void>
  destroy(sr: string): Promise<void>
  usage(sr: string): Promise<SrUsage>
  list(sr: string): Promise<readonly Volume[]>

  createVolume(sr: string, wish: { name: string; description: string; size: number; sharable: boolean }): Promise<Volume>
  cloneVolume(sr: string, key: string): Promise<Volume>
  destroyVolume(sr: string, key: string): Promise<void>
  resizeVolume(sr: string, key: string, size: number): Promise<void>
  statVolume(sr: string, key: string): Promise<Volume>
  setName(sr: string, key: string, name: string): Promise<void>
  setDescription(sr: string, key: string, description: string): Promise<void>

  /** Makes the volume usable by a domain (domid as text, "0" is this host). A failure leaves nothing attached. */
  openDisk(sr: string, key: string, domain: string): Promise<OpenDisk>
  /** `datapath` is what openDisk answered. */
  closeDisk(datapath: string, domain: string): Promise<void>
}

export interface OpenDisk {
  readonly source: DiskSource
  readonly datapath: string
}

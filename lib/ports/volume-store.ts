import type { VolumeRecord } from '../core/domain/volume'
import type { VolumeKey } from '../core/domain/ids'

/** One SR's folder on this host: records of the catalogue, replicas and their metadata. Rejects with the system's error. */
export interface VolumeStore {
  /** Records found in the folder; one that cannot be read is left out and logged. */
  load(): Promise<VolumeRecord[]>
  save(record: VolumeRecord): Promise<void>
  imagePath(key: VolumeKey): string
  /** An empty replica that counts as up-to-date: the first and only copy of a new volume. */
  makeFirstReplica(record: VolumeRecord): Promise<void>
  dropReplica(key: VolumeKey): Promise<void>
  resize(key: VolumeKey, sizeBytes: number): Promise<void>
  /** Bytes of the folder's file system. */
  space(): Promise<{ totalBytes: number; freeBytes: number }>
  /** Bytes the replica takes on the disk; 0 when there is none. */
  usedBytes(key: VolumeKey): Promise<number>
  /** Whether an operator's choice between two histories left one beside the replica. */
  hasSetAside(key: VolumeKey): Promise<boolean>
}

export interface AttachedSr {
  readonly sr: string
  readonly path: string
}

/** SRs attached on this host since it booted. */
export interface SrRegistry {
  list(): readonly AttachedSr[]
  /** Those that were attached when the host ran last, or are now, and whose folders hold volumes. */
  remembered(): readonly AttachedSr[]
  add(sr: string, path: string): Promise<void>
  remove(sr: string): Promise<void>
  open(path: string): VolumeStore
}

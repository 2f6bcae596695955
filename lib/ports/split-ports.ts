import type { Aside, SplitExport } from '../wire/split'
import type { WorkerVolume } from '../wire/worker-api'
import type { DiskExport, DiskHandler } from './disk-export'

/** Serves a disk read-only at a socket of its own, beside the one that its guest uses. */
export type ServeView = (volume: string, sizeBytes: number, handler: DiskHandler) => Promise<DiskExport & SplitExport>

/** A copy of a replica that goes on by itself. */
export interface AsideCopy {
  report(): Aside
}

/**
 * Begins to copy a replica and its metadata into a folder of that name beside its image; what is there of that name is replaced. Nobody
 * may change it meanwhile. Rejects with a Refusal when there is no room, or it is in no file.
 */
export type KeepAside = (volume: WorkerVolume, name: string) => Promise<AsideCopy>

/**
 * Moves a replica that nobody has open, and its metadata, into a folder of that name beside its image; null: removes it. Answers with
 * the folder, or ''. Rejects with a Refusal when it is in no file.
 */
export type PutAway = (volume: WorkerVolume, name: string | null) => Promise<string>

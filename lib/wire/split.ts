import type { VolumeKey } from '../core/domain/ids'
import type { Generations, ReplicaMetadata } from '../core/domain/volume'
import type { VerifyReport } from './daemon-api'

/** What a worker is asked about two histories of its disks that met. */
export interface SplitApi {
  /**
   * `compare`: begins to compare the two replicas of every disk whose histories may not be mixed; asked again, it tells how far it is.
   * `apart`: why a primary has not met a replica of its peer; empty when it has met all.
   */
  split: { ask: { compare: boolean }; answer: { volumes: readonly SplitVolume[]; apart: string } }
  /** The replica of this side, read-only, at a socket of its own until `serve` is false or the worker ends. */
  'split-export': { ask: { volume: VolumeKey; serve: boolean }; answer: SplitExport | null }
  /** Begins to copy the replica of this side to a folder beside it; `split` tells how far it is. */
  'split-keep-aside': { ask: { volume: VolumeKey }; answer: null }
  /**
   * Secondary only, and of replicas that the claim does not list: they are put into folders beside them, or removed, and the worker
   * starts again with new ones. For two that cannot meet, because this side knows a higher term than the claim has.
   */
  'split-put-away': { ask: { volumes: readonly VolumeKey[]; keep: boolean }; answer: { folders: readonly string[] } }
  /** Primary only: this replica becomes what the other one is. */
  'give-up': { ask: { volume: VolumeKey; side: 'local' | 'peer' }; answer: null }
}

export interface SplitExport {
  readonly socket: string
  readonly exportName: string
}

export interface SplitVolume {
  readonly key: VolumeKey
  /** The replica of this side; null when it is not open. */
  readonly own: ReplicaHistory | null
  /** The peer's replica is there, as the primary sees it. */
  readonly met: boolean
  /** As the primary sees it; null on a secondary, and where the two may be mixed. */
  readonly seen: SplitSeen | null
  readonly exported: SplitExport | null
  /** The last copy that was made of it since the worker started; null when there was none. */
  readonly aside: Aside | null
}

export interface ReplicaHistory {
  readonly state: ReplicaMetadata['state']
  /** Highest one that it has accepted. */
  readonly term: number
  readonly generations: Generations
  /** In whole blocks, at most, since its bitmap began to count. */
  readonly changedBytes: number
}

export interface SplitSeen {
  readonly rule: string
  /** Whose bytes are left as they are. */
  readonly refused: 'local' | 'peer'
  readonly comparison: SplitComparisonReport | null
}

/** Bytes in whole blocks of 64 KiB, as they were when they were compared. */
export interface SplitComparisonReport extends Omit<VerifyReport, 'ranges' | 'repaired' | 'seconds'> {
  /** What may differ; the rest of the disk is the same on both. */
  readonly totalBytes: number
  /** In disk order; at most a hundred. */
  readonly ranges: readonly SplitRange[]
}

export interface SplitRange {
  readonly offset: number
  readonly length: number
  /** Which side changed it since they parted. */
  readonly by: 'serving' | 'refused' | 'both' | 'unknown'
}

export interface Aside {
  readonly state: 'copying' | 'done' | 'failed'
  /** Why it failed; empty otherwise. */
  readonly why: string
  readonly folder: string
  readonly doneBytes: number
  readonly totalBytes: number
}

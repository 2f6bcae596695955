import type { HostUuid, SrUuid, VmUuid, VolumeKey } from './ids'
import type { Level } from './level'
import type { PlannedMove } from './planned-move'

/** A disk in a Holdfast SR, as the catalogue on every host records it. */
export interface VolumeRecord {
  readonly key: VolumeKey
  readonly sr: SrUuid
  readonly name: string
  readonly description: string
  readonly sizeBytes: number
  readonly sharable: boolean
  /** Free text pairs of Volume.set / unset. */
  readonly keys: Readonly<Record<string, string>>
  /** The protected VM it belongs to; null while unprotected. */
  readonly vm: VmUuid | null
  /** The accepted level of that VM, so that a lost key in XAPI lowers nothing (N5); null while unprotected. */
  readonly level: Level | null
  /** Hosts that keep a replica (up-to-date or not). Empty until the volume is first attached somewhere. */
  readonly homes: readonly HostUuid[]
  /** A guest uses it, as the host that holds the claim last knew: what ran when all hosts lost power is started again. */
  readonly guestActive?: boolean
  /** Of its VM's last claim, once that is removed: replicas know it, and accept nothing of a lower one. */
  readonly lastTerm?: number
  /** The last planned move of its VM, or the one under way; null or absent when there was none. */
  readonly move?: PlannedMove | null
  /** A deleted volume's record stays as a tombstone, so that a host that was away learns of it. */
  readonly deleted: boolean
  /** Grows with each change, see `decidedVersion`; the higher version wins when two hosts compare, the higher author breaks ties. */
  readonly version: number
  readonly author: HostUuid
}

const VERSIONS_OF_A_DECISION = 1e4
const VERSIONS_OF_A_TERM = 1e9

/**
 * Of a record in which the holder of the claim has just decided something: it outranks what a host that was away has changed meanwhile,
 * and what a former holder decided that nobody else has heard of. `term`: of the claim; 0 where there is none.
 */
export const decidedVersion = (before: number, term: number): number =>
  Math.max((Math.floor(before / VERSIONS_OF_A_DECISION) + 1) * VERSIONS_OF_A_DECISION, term * VERSIONS_OF_A_TERM)

/** Older generations that a replica remembers. */
export const HISTORY_MAX = 8

/** Whose history a replica's bytes belong to. Each identifier is 16 hex digits, drawn at random; '' where there is none. */
export interface Generations {
  /** '' until the replica holds a guest's data. */
  readonly current: string
  /** The one that blocks were marked in the dirty bitmap against; '' while nobody lacks anything. */
  readonly bitmap: string
  /** They count from this one, too: of a resync target that was lost while it was being given `bitmap`. '' while there is none. */
  readonly former: string
  /** Newest first, at most HISTORY_MAX; none is ''. */
  readonly history: readonly string[]
}

/** Of a replica that holds no guest's data yet, or whose history is not known. */
export const NO_GENERATIONS: Generations = { current: '', bitmap: '', former: '', history: [] }

/** What a replica knows of itself, kept beside its bytes: the head of its metadata. */
export interface ReplicaMetadata {
  readonly volume: VolumeKey
  /** Names these contents: drawn when the replica is made, so that a replaced disk is not taken for the old one. */
  readonly replica: string
  readonly sizeBytes: number
  /** Highest term this replica has accepted; lower ones are refused. */
  readonly term: number
  readonly state: 'up-to-date' | 'inconsistent' | 'outdated'
  readonly generations: Generations
  /**
   * Name of the machine's start under which it was last known to lack nothing; '' for none. Under another one, what its machine
   * had cached may be gone.
   */
  readonly boot: string
}

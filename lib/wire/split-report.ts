import type { ServedAlone } from '../core/domain/served-alone'
import type { HostUuid, VmUuid, VolumeKey } from '../core/domain/ids'
import type { Aside, ReplicaHistory, SplitComparisonReport, SplitExport, SplitRange, SplitVolume } from './split'

/** What the operator asks about a VM whose replicas hold two histories. `host`: uuid or name; `disk`: a volume's uuid or its number. */
export interface SplitDaemonApi {
  /** `compare`: begins to compare what may differ; asked again without it, it tells how far that is. */
  split: { ask: { vm: string; compare?: boolean }; answer: SplitReport }
  /** The replica of that host, read-only, at an NBD socket there; `end`: no longer. */
  'split-export': { ask: { vm: string; host: string; disk?: string; end?: boolean }; answer: SplitExports }
  /** Begins to make the other host's replica what that host's is; `by`: who wants it. `split` tells how far it is. */
  'split-keep': { ask: { vm: string; host: string; by: string; discard?: boolean }; answer: { vm: VmUuid } }
  /** Peer: as the worker of this host knows it. */
  'split-here': { ask: { vm: string; compare: boolean }; answer: SplitHere }
  /** Peer: begins to copy the replica of this host to a folder beside it. */
  'split-aside': { ask: { vm: string; volume: string }; answer: null }
  /** Peer: puts replicas of this host, which the claim does not list, aside or removes them; new ones are made. */
  'split-put-away': { ask: { vm: string; volumes: readonly string[]; keep: boolean }; answer: { folders: readonly string[] } }
}

export interface SplitHere {
  readonly volumes: readonly SplitVolume[]
  readonly apart: string
  readonly keeping: Keeping | null
}

/** The last time that an operator chose a history, as the host that holds the claim knows it. */
export interface Keeping {
  /** Whose history is wanted. */
  readonly host: HostUuid
  readonly by: string
  readonly state: 'copying-aside' | 'done' | 'failed'
  /** Why it failed; empty otherwise. */
  readonly why: string
  /** Where the other history was put, on its host, when it was not copied: see `aside` for the rest. */
  readonly folders: readonly string[]
}

export interface SplitReport {
  readonly vm: VmUuid
  readonly name: string
  /** `unknown`: the two have not met, and nobody can tell. */
  readonly state: 'split' | 'none' | 'unknown'
  /** Why they have not met; empty when they have. */
  readonly why: string
  readonly holder: string
  readonly term: number
  readonly hosts: readonly {
    readonly uuid: HostUuid
    readonly host: string
    readonly holder: boolean
    readonly answers: boolean
  }[]
  readonly disks: readonly SplitDisk[]
  /** Since the histories parted; of `host` it has the name. */
  readonly served: readonly (Omit<ServedAlone, 'host'> & { readonly host: string })[]
  /** Who took the claim or got it, since then. */
  readonly claims: readonly { readonly at: string; readonly host: string; readonly term: number; readonly rule: string }[]
  readonly keeping: (Omit<Keeping, 'host'> & { readonly host: string }) | null
}

export interface SplitDisk {
  readonly volume: VolumeKey
  readonly device: string
  readonly sizeBytes: number
  /** By which the two are not mixed; null when they may be. */
  readonly rule: string | null
  /** The host whose replica is left as it is. */
  readonly refused: string | null
  readonly histories: readonly SplitHistory[]
  readonly comparison: SplitDiskComparison | null
}

export interface SplitHistory extends ReplicaHistory {
  readonly host: string
  /** When its present history began, and the one that its bitmap counts from; ISO 8601 to the second, empty where there is none. */
  readonly began: string
  readonly parted: string
  readonly exported: SplitExport | null
  readonly aside: Aside | null
}

export interface SplitDiskComparison extends Omit<SplitComparisonReport, 'ranges'> {
  readonly ranges: readonly (Omit<SplitRange, 'by'> & {
    /** The hosts on which it was changed since they parted; none: nobody noted it. */
    readonly by: readonly string[]
  })[]
}

export interface SplitExports {
  readonly host: string
  readonly disks: readonly (SplitExport & { readonly device: string; readonly volume: VolumeKey })[]
}

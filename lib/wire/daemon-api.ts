import type { Facts, RefusalCode } from '../core/domain/errors'
import type { FenceProof, Objection, PowerStatus } from '../core/domain/fence'
import type { HostUuid, VmUuid, VolumeKey } from '../core/domain/ids'
import type { Level } from '../core/domain/level'
import type { HostFinding, HostVerdict } from '../core/domain/host-finding'
import type { TimelineEntry } from '../core/domain/timeline'
import type { VolumeRecord } from '../core/domain/volume'
import type { LockstepForecast, LockstepMeasure, LockstepReport } from './lockstep'
import type { SplitDaemonApi } from './split-report'

/**
 * The daemon's socket: HTTP, `POST /v1/<function>` with a JSON object, answered by `{"value": ...}` (200), `{"refusal": Rejection}`
 * (409) or `{"bug": "text"}` (500). Bodies are bounded to 1 MiB. Served on a unix socket to root, and (`PEER_FUNCTIONS`
 * only) over TLS-PSK to the pool's other daemons.
 */
export interface Rejection {
  readonly code: RefusalCode
  readonly facts: Facts
}

export interface DaemonApi extends SplitDaemonApi {
  version: { ask: Record<string, never>; answer: VersionReport }
  /** Of one VM, the disks are as the host that holds its claim reports them, unless `here`: then as this host knows them. */
  status: { ask: { vm?: string; here?: boolean }; answer: StatusReport }
  plan: { ask: { vm: string; level: string }; answer: PlanReport }
  protect: { ask: { vm: string; level: string }; answer: ProtectReport }
  unprotect: { ask: { vm: string }; answer: UnprotectReport }
  /** Begins to compare both replicas of every disk of the VM; `status` tells how far it is and what it found. */
  verify: { ask: { vm: string; repair?: boolean }; answer: { vm: VmUuid } }
  /** This host takes the claim of a VM whose other hosts are proven to be off; with `acceptLoss`, though it lacks acknowledged writes. */
  promote: { ask: { vm: string; acceptLoss?: boolean; who?: string }; answer: PromoteReport }
  /**
   * How a host that is silent can be shown to be off. With `confirm`, `who` says that it is; that is passed on to the other hosts
   * unless `here`.
   */
  fence: { ask: { host: string; confirm?: boolean; who?: string; here?: boolean }; answer: FenceReport }
  /** The VM is to run on the other of its two hosts, named by uuid or name; with `plan` only tells how. `moving` tells how far it is. */
  move: { ask: { vm: string; to: string; plan?: boolean }; answer: MoveReport }
  moving: { ask: { vm: string }; answer: MoveProgress }
  timeline: { ask: { vm?: string; limit?: number }; answer: { entries: TimelineEntry[] } }
  /** From an /etc/xapi.d hook. */
  hook: { ask: { hook: string; vm?: string; host?: string; reason: string }; answer: { goOn: boolean; text: string } }
  'sr-create': { ask: { uuid: string; configuration: Record<string, string> }; answer: Record<string, string> }
  'sr-attach': { ask: { configuration: Record<string, string> }; answer: string }
  'sr-detach': { ask: { sr: string }; answer: null }
  'sr-destroy': { ask: { sr: string }; answer: null }
  'sr-stat': { ask: { sr: string }; answer: SrStat }
  'sr-ls': { ask: { sr: string }; answer: VolumeStat[] }
  'volume-create': {
    ask: { sr: string; name: string; description: string; sizeBytes: number; sharable: boolean }
    answer: VolumeStat
  }
  'volume-destroy': { ask: { sr: string; key: string }; answer: null }
  'volume-resize': { ask: { sr: string; key: string; sizeBytes: number }; answer: null }
  'volume-stat': { ask: { sr: string; key: string }; answer: VolumeStat }
  'volume-set': {
    ask: { sr: string; key: string; name?: string; description?: string; set?: Record<string, string>; unset?: string[] }
    answer: null
  }
  'datapath-attach': { ask: { volume: string; domain: string }; answer: { socket: string; exportName: string } }
  'datapath-activate': { ask: { volume: string; domain: string }; answer: null }
  'datapath-deactivate': { ask: { volume: string; domain: string }; answer: null }
  'datapath-detach': { ask: { volume: string; domain: string }; answer: null }
  /** Peer: what the asker's catalogue says; answered by all of this host's. The higher version of each record wins on both. */
  'peer-catalogue': { ask: { records: RecordList }; answer: RecordList }
  /** Peer: keep the copies of this VM's volumes here, as its secondary. Answered by the TCP port of the worker. Idempotent. */
  'peer-secondary': { ask: { vm: string; primary: string; records: RecordList }; answer: { port: number } }
  /** Peer: whether this host can take copies of these volumes now, beside what it is given already. Nothing begins by it. */
  'peer-offer': { ask: { vm: string; records: RecordList }; answer: null }
  /** Peer: whether it hears that host on any link. */
  hears: { ask: { host: string }; answer: { heard: boolean } }
  /** Peer: why this host cannot keep the waiting copy of a VM, a sentence's end; null: it can. */
  'lockstep-lacks': { ask: Record<string, never>; answer: { lacks: string | null } }
  /** Peer: looks at the VM's running guest for about a second; null: none runs here. */
  'lockstep-forecast': { ask: { vm: string }; answer: LockstepForecast | null }
  /** Peer: the VM is no longer protected; its worker here ends, and its replicas go. */
  'peer-release': { ask: { vm: string }; answer: null }
  /** Peer: the asker has handed the claim of this VM over to this host. */
  'handed-over': { ask: { vm: string }; answer: null }
}

export interface RecordList {
  readonly list: readonly VolumeRecord[]
}

export type DaemonFunction = keyof DaemonApi

/** What the daemons of a pool may ask one another. */
export const PEER_FUNCTIONS: readonly DaemonFunction[] = [
  ...(['version', 'status', 'protect', 'unprotect', 'verify', 'fence', 'move', 'timeline'] as const),
  ...(['peer-catalogue', 'peer-secondary', 'peer-offer', 'peer-release', 'handed-over', 'hears'] as const),
  ...(['lockstep-lacks', 'lockstep-forecast'] as const),
  ...(['split-here', 'split-aside', 'split-put-away', 'split-export', 'split-keep'] as const),
]

export interface VersionReport {
  readonly version: string
  readonly host: HostUuid
}

export interface SrStat {
  readonly sr: string
  readonly totalBytes: number
  readonly freeBytes: number
}

export interface VolumeStat {
  readonly key: VolumeKey
  readonly name: string
  readonly description: string
  readonly sharable: boolean
  readonly sizeBytes: number
  readonly usedBytes: number
  readonly keys: Readonly<Record<string, string>>
}

export type VmHealth = 'protected' | 'degraded' | 'syncing' | 'frozen' | 'unprotected'

export interface StatusReport {
  readonly host: HostUuid
  readonly hosts: readonly HostStatus[]
  readonly witness: WitnessStatus
  /** Null: one witness is configured. */
  readonly alternateWitness?: WitnessStatus | null
  readonly vms: readonly VmStatus[]
  /** What the asked host's daemon cannot write down at present, and why; empty or absent when nothing. */
  readonly unwritten?: string
}

export interface WitnessStatus {
  readonly address: string
  readonly reachable: boolean
}

export interface HostStatus {
  readonly uuid: HostUuid
  readonly name: string
  readonly state: 'this-host' | 'alive' | 'suspected' | 'never-seen'
  /** Per link name (management, alink0, ...): milliseconds since the last heartbeat; null when none was ever seen. */
  readonly silentMs: Readonly<Record<string, number | null>>
  /** As this host's heartbeats, and what others say of it, show it; `grey`: it is there, and something is wrong. Null: this host. */
  readonly health: HostVerdict | null
  /** What is wrong with it. `text` goes on from the host's name. */
  readonly findings: readonly (HostFinding & { readonly text: string })[]
  /** By whom it is proven to be off; null: it is not. */
  readonly fenced: FenceProof['by'] | null
}

export interface VmStatus {
  readonly vm: VmUuid
  readonly name: string
  readonly level: Level
  readonly health: VmHealth
  /** Why it is not simply protected, or what else is wrong on the asked host. Empty when all is well. */
  readonly reason: string
  readonly powerState: string
  readonly residentOn: string | null
  readonly holder: string | null
  readonly secondary: string | null
  readonly term: number | null
  /** Which of two witnesses decides, as the asked host knows; null: it is being changed, or not known here. Absent: there is one. */
  readonly decidedBy?: 'preferred' | 'alternate' | null
  /** Absent unless its level is lockstep; null: it does not run, or the asked host does not know. */
  readonly lockstep?: LockstepReport | null
  readonly disks: readonly DiskStatus[]
}

export interface DiskStatus {
  readonly volume: VolumeKey
  readonly device: string
  readonly sizeBytes: number
  /** Names of the hosts whose replica is up-to-date. */
  readonly upToDate: readonly string[]
  /** Null when no resync runs. */
  readonly resync: ResyncProgress | null
  /** The last comparison of its replicas, running or over; null when there was none. */
  readonly verify: VerifyReport | null
}

export interface ResyncProgress {
  readonly target: string
  readonly doneBytes: number
  readonly totalBytes: number
  readonly bytesPerSecond: number
  /** Seconds; null until a rate is known. */
  readonly etaSeconds: number | null
}

/** A comparison of both replicas of a disk. */
export interface VerifyReport {
  readonly state: 'running' | 'done' | 'stopped'
  /** Why it stopped; empty otherwise. */
  readonly why: string
  readonly doneBytes: number
  readonly totalBytes: number
  readonly bytesPerSecond: number
  /** Seconds; null until a rate is known, and after the end. */
  readonly etaSeconds: number | null
  /** In whole blocks of 64 KiB. */
  readonly differingBytes: number
  /** In disk order, in bytes; at most a hundred. */
  readonly ranges: readonly { readonly offset: number; readonly length: number }[]
  /** What differed was copied from the side that the guest reads. */
  readonly repaired: boolean
  /** Since it began. */
  readonly seconds: number
}

export interface PlanStep {
  readonly step: string
  readonly reason: string
}

export interface PlanReport {
  readonly vm: VmUuid
  readonly name: string
  readonly from: Level
  readonly to: Level
  readonly secondary: string | null
  /** True when the VM must be halted first because disks have to move. */
  readonly needsHalt: boolean
  readonly steps: readonly PlanStep[]
  /** Of a plan to lockstep: as it would be, measured just now; null: the VM does not run, and is measured when it does. */
  readonly forecast?: LockstepMeasure | null
}

export interface PromoteReport {
  readonly vm: VmUuid
  readonly name: string
  readonly host: string
  readonly term: number
  /** `loss-accepted`: acknowledged writes are lost, as the operator accepted; otherwise none are. */
  readonly rule: string
}

/** What is known of a host, by the host that was asked. */
export interface FenceReport {
  readonly host: HostUuid
  readonly name: string
  readonly state: HostStatus['state']
  /** As this host was answered when it last asked; names. */
  readonly asked: readonly string[]
  readonly heardBy: readonly string[]
  /** What its power switch last said; null: none is configured, or it was not asked. */
  readonly power: PowerStatus | null
  readonly hasPower: boolean
  /** It is proven that it is off; null: it is not. */
  readonly proof: FenceProof['by'] | null
  /** Null: an operator may confirm that it is off. */
  readonly against: Objection | null
  /** Why not, and what to do; empty when he may. */
  readonly why: string
  readonly todo: string
  readonly confirmed: { readonly who: string; readonly at: string } | null
  /** After a word was given: what the other hosts did with it. */
  readonly passedOn: readonly { readonly host: string; readonly recorded: boolean; readonly why: string }[]
}

export interface MoveReport {
  readonly vm: VmUuid
  readonly name: string
  readonly from: string
  readonly to: string
  /** Empty when it is there already. */
  readonly steps: readonly PlanStep[]
  /** `begun` also for one that was under way already. */
  readonly state: 'planned' | 'begun' | 'nothing'
}

/** The last planned move of a VM. */
export interface MoveProgress {
  readonly vm: VmUuid
  readonly state: 'none' | 'under-way' | 'moved' | 'failed'
  /** What is being done, or what became of it; a sentence. Empty when there was none. */
  readonly text: string
}

export interface ProtectReport {
  readonly vm: VmUuid
  readonly level: Level
  readonly secondary: string
  /** `done` when nothing is left to do, `copying` while a first copy or a move of disks goes on (see status). */
  readonly state: 'done' | 'copying'
}

export interface UnprotectReport {
  readonly vm: VmUuid
  readonly level: 'unprotected'
}

import type { StoredClaim } from '../core/domain/claim'
import type { HostUuid, VmUuid, VolumeKey } from '../core/domain/ids'
import type { WithoutQuorum } from '../core/domain/without-quorum'
import type { ResyncProgress, VerifyReport } from './daemon-api'
import type { LockstepForecast, LockstepReport, LockstepSettings } from './lockstep'
import type { ReplicaSource } from './replica-source'
import type { ResyncSettings } from './resync-settings'
import type { SplitApi } from './split'
import type { WitnessTls } from './witness-settings'

/**
 * spec.json: all a worker needs to start or to start again after a crash. Written by the daemon before the worker runs; the
 * worker is started with the folder as its only argument and keeps its control socket, NBD sockets and log in it.
 */
export interface WorkerSpec {
  readonly format: 1
  /** The protected VM's uuid, or the volume's key for an unprotected volume. */
  readonly id: string
  readonly pool: string
  readonly host: HostUuid
  readonly vm: VmUuid | null
  /** As a configuration names it; null for a mirror of one that nobody is going to protect. */
  readonly witness: string | null
  /** The second one; null or absent: none. */
  readonly alternateWitness?: string | null
  readonly witnessTls?: WitnessTls | null
  /** What becomes of the guest when neither the witness nor the peer answers. Absent: freeze. */
  readonly withoutQuorum?: WithoutQuorum
  /** This host goes on where both are equal in all that counts more. Absent: no. */
  readonly isPreferredSurvivor?: boolean
  /** Null when there is no witness. */
  readonly poolKeyFile: string | null
  readonly timelineFile: string
  /** Folder of what the watchdog of the host is told. Absent: the host's own. */
  readonly leases?: string
  /** Of the notes about two witnesses. Absent: where a host keeps them. */
  readonly claimNotesFolder?: string
  readonly volumes: readonly WorkerVolume[]
  /** TCP port and addresses where this worker accepts its peer; null for an unprotected volume. */
  readonly listen: { readonly port: number; readonly addresses: readonly string[] } | null
  readonly peer: PeerAddress | null
  /** Whom the disks serve, so that a restarted worker serves them again at the same sockets. Kept by the worker. */
  readonly attached: Readonly<Record<VolumeKey, Attachment>>
  /** Default: tls. The other one is for measurements and tests, on loopback addresses only. */
  readonly link?: { readonly security: 'tls' | 'plain-loopback' }
  /** How much a resync yields to the guest. */
  readonly resync?: ResyncSettings
  /** The guest is to be in lockstep with the peer. Null or absent: it is not. */
  readonly lockstep?: LockstepSettings | null
  /** A domain that is loaded from lockstep's last epoch, and may run by now. Kept by the worker, until that is known. */
  readonly arriving?: string | null
  /** Where an attached disk is served; one that is not named here has a socket in the worker's folder. */
  readonly exports?: Readonly<Record<VolumeKey, DiskExportAt>>
}

/** What of a spec comes from the pool's configuration. */
export type WorkerSettings = Pick<
  WorkerSpec,
  'witness' | 'alternateWitness' | 'witnessTls' | 'withoutQuorum' | 'isPreferredSurvivor' | 'resync'
>

export interface DiskExportAt {
  readonly exportName: string
  readonly listen: DiskListen
}

/** `certificates`: the folder with those of a disk that is served with TLS; null: without, on a loopback address. */
export type DiskListen =
  | { readonly unix: string }
  | { readonly tcp: { readonly host: string; readonly port: number; readonly certificates: string | null } }

export interface Attachment {
  readonly domain: string
  readonly active: boolean
}

export interface WorkerVolume {
  readonly key: VolumeKey
  readonly sizeBytes: number
  /** Raw image; where there is a source, what messages call the replica. */
  readonly path: string
  /** Where the replica is, when not in the image. */
  readonly source?: ReplicaSource
  /** What the names of the files of metadata begin with, where they are not beside the image. */
  readonly metadata?: string
}

export interface PeerAddress {
  readonly host: HostUuid
  /** One per A-link, then management. */
  readonly addresses: readonly string[]
  readonly port: number
}

/** `POST /v1/<function>` on control.sock; same envelope as the daemon's socket. */
export interface WorkerApi extends SplitApi {
  status: { ask: Record<string, never>; answer: WorkerStatus }
  /** Makes the NBD socket; idempotent. `domain` is the domid that will use it ("0" for dom0). */
  attach: { ask: { volume: VolumeKey; domain: string }; answer: { socket: string; exportName: string } }
  activate: { ask: { volume: VolumeKey; domain: string }; answer: null }
  deactivate: { ask: { volume: VolumeKey; domain: string }; answer: null }
  detach: { ask: { volume: VolumeKey; domain: string }; answer: null }
  /** A worker of unprotected volumes becomes the primary of a protected VM, in place, while the guest writes. */
  protect: { ask: { spec: WorkerSpec }; answer: null }
  /** Back to a mirror of one: gives the claim up. */
  unprotect: { ask: Record<string, never>; answer: null }
  /** New address of the peer (it restarted, or came back), or a first one. */
  'set-peer': { ask: { peer: PeerAddress | null }; answer: null }
  /** Secondary only: the daemon's verdict is that the holder's host is dead; with `acceptLoss`, an operator gives up what it lacks. Answers when the claim is taken or refused. */
  'take-over': { ask: { reason: string; fenced?: HolderFenced; acceptLoss?: boolean }; answer: ClaimTaken | ClaimNotTaken }
  /**
   * Primary only, while no guest uses the disks: gives the claim to its peer, and becomes its secondary. Answers when the claim is
   * the peer's, or stays; an answer that was lost is had again by asking again. The peer's worker learns of it by `take-over`.
   */
  'hand-over': { ask: { to: HostUuid }; answer: { handedOver: true; term: number } | ClaimKept }
  /** Begins to compare the replicas of all disks; status tells how far it is and what it found. */
  verify: { ask: { repair: boolean }; answer: null }
  /** The guest is to be in lockstep from now on; null: no longer. Takes effect while it runs; status tells how far it is. */
  lockstep: { ask: { wanted: LockstepSettings | null }; answer: null }
  /** Looks at the running guest for about a second, which goes on meanwhile. Primaries and mirrors of one. */
  'lockstep-forecast': { ask: Record<string, never>; answer: LockstepForecast }
  /** The configuration was changed: the worker notes it, and is started again with it. */
  'new-settings': { ask: { settings: WorkerSettings }; answer: null }
  stop: { ask: Record<string, never>; answer: null }
}

/** It is proven that the holder's machine cannot act any more; told again each second while that stands. */
export interface HolderFenced {
  /** On the machine's monotonic clock, in milliseconds; null: until a request without it. */
  readonly untilMs: number | null
}

export interface ClaimTaken {
  readonly taken: true
  readonly term: number
  /** The guest goes on here from its memory: there is nothing to start, whatever XAPI shows yet. */
  readonly goesOn?: true
  /** Absent where this worker had it already. */
  readonly rule?: string
}

export interface ClaimNotTaken {
  readonly taken: false
  readonly why: string
  /** Set when the witness may have stored the claim all the same; the worker finds out, and becomes primary then. */
  readonly mayHold?: true
}

export interface ClaimKept {
  readonly handedOver: false
  readonly why:
    | 'not-holder'
    | 'guest-active'
    | 'not-the-peer'
    | 'peer-not-connected'
    | 'not-redundant'
    /** Ask again. */
    | 'change-under-way'
    | 'not-up-to-date'
    | 'swap-refused'
    /** To another host than the one it was to be given to. */
    | 'claim-lost'
}

export type WorkerRole = 'solo' | 'primary' | 'secondary'

export interface WorkerStatus {
  readonly id: string
  readonly role: WorkerRole
  readonly claim: StoredClaim | null
  /** False: the witness did not answer, and `claim` is as it once was. */
  readonly claimIsCurrent: boolean
  readonly frozen: boolean
  /** Why the mirror is not redundant; empty when it is, when the only one of a solo works, or when a connected primary knows. */
  readonly degraded: string
  readonly peerConnected: boolean
  /** The claim is being given up; whoever asked for that may not wait any more. */
  readonly unprotecting?: true
  readonly witnessReachable: boolean
  /** Which of two witnesses decides about the claim; null while that is being changed, or is not known. Absent: there is one. */
  readonly decidedBy?: 'preferred' | 'alternate' | null
  /** The guest has its disks activated (as far as this side knows). */
  readonly guestActive: boolean
  /** What the worker cannot write down at present, and why; empty or absent when nothing. The disks are served all the same. */
  readonly unwritten?: string
  /** Why nobody would stop the guest if this worker could not; empty or absent when a watchdog would, or there is no guest. */
  readonly unguarded?: string
  /** Absent: this worker is no primary, or the VM is not to be in lockstep. */
  readonly lockstep?: LockstepReport
  readonly volumes: readonly WorkerVolumeStatus[]
}

export interface WorkerVolumeStatus {
  readonly key: VolumeKey
  readonly localReplica: 'up-to-date' | 'inconsistent' | 'failed'
  readonly resync: ResyncProgress | null
  /** The last one, running or not, since this worker started. */
  readonly verify: VerifyReport | null
  /** Rule by which a replica's bytes are left alone, because its history contradicts the other one's; null when none is. */
  readonly refused: string | null
  readonly attachedTo: string | null
}

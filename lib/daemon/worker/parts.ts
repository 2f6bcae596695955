import type { SwitchTimes } from '../../core/membership/switch-watch'
import type { PaceLimits } from '../../core/mirror/pace'
import type { ClaimNotes } from '../../ports/claim-notes'
import type { CheckpointPort } from '../../ports/checkpoints'
import type { Clock } from '../../ports/clock'
import type { DiskExport, DiskExtents, DiskHandler } from '../../ports/disk-export'
import type { DomainControl } from '../../ports/domain-control'
import type { LeaseNotes } from '../../ports/lease-notes'
import type { Log } from '../../ports/log'
import type { PeerDial, PeerEndpoint, PeerListen } from '../../ports/peer-connect'
import type { OpenReplica } from '../../ports/replica-store'
import type { KeepAside, PutAway, ServeView } from '../../ports/split-ports'
import type { TimelinePort } from '../../ports/timeline'
import type { Timers } from '../../ports/timers'
import type { WitnessPort } from '../../ports/witness'
import type { DecidingWitness } from './witnesses/deciding-witness'

/** The world of a worker; plugin/vm-worker.ts builds it. */
export interface WorkerParts {
  readonly clock: Clock
  /** Also counts while the machine is suspended. */
  readonly bootClock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly timeline: TimelinePort
  /** The preferred one, where there are two. */
  readonly witness: WitnessPort
  readonly alternate: WitnessPort | null
  readonly claimNotes: ClaimNotes
  /** When the other witness is to decide; absent: as SWITCH_TIMES says. */
  readonly switchTimes?: SwitchTimes
  /** Which of the two decides; made by the worker, which asks through it then. Absent: nobody but `witness`. */
  readonly deciding?: DecidingWitness
  readonly domains: DomainControl
  /** For the watchdog of this host. */
  readonly leases: LeaseNotes
  /** Absent: guests of this worker are not kept in lockstep, and it keeps no standby. */
  readonly checkpoints?: CheckpointPort
  readonly openReplica: OpenReplica
  readonly serveDisk: (
    volume: string,
    sizeBytes: number,
    handler: DiskHandler,
    extents: DiskExtents,
  ) => Promise<DiskExport & { readonly socket: string }>
  readonly serveView: ServeView
  readonly keepAside: KeepAside
  readonly putAway: PutAway
  readonly dialPeer: (dial: PeerDial) => PeerEndpoint
  readonly listenPeer: (listen: PeerListen) => Promise<PeerEndpoint>
  /** A new text for every start of the process. */
  readonly incarnation: string
  /** The same until the machine loses what it has cached. */
  readonly boot: string
  /** A name for a history that begins: 16 hex digits that nobody has drawn before, the first eight of them the seconds since 1970. */
  readonly newGeneration: () => string
  /** One digest of DIGEST_BYTES for each block of the data. */
  readonly digest: (data: Buffer) => Promise<Buffer>
  /** How much a resync yields to the guest; what is left out is as in PACE. */
  readonly pace: Partial<PaceLimits>
  /** Random, so that two links of one primary differ. */
  readonly newLinkId: () => number
  /** The process ends; its supervisor starts it again from spec.json. */
  readonly restart: (reason: string) => void
}

/** Granularity of every time-out in a worker. */
export const TICK_MS = 50

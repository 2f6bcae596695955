import type { HeartbeatEvent } from '../../core/membership/heartbeat'
import type { HostRole, SenderHealth } from '../../core/domain/heartbeat'
import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { TimelineEntry } from '../../core/domain/timeline'
import type { Clock } from '../../ports/clock'
import type { DomainFence } from '../../ports/domain-fence'
import type { Log } from '../../ports/log'
import type { FenceRecord } from '../../ports/fence-record'
import type { FrontPort } from '../../ports/fronts'
import type { AskPeer } from '../../ports/peer-daemons'
import type { PowerFencer } from '../../ports/power-fencer'
import type { TimelinePort } from '../../ports/timeline'
import type { Timers } from '../../ports/timers'
import type { StandbyHostProbe } from '../../ports/standby-host'
import type { SrRegistry } from '../../ports/volume-store'
import type { WitnessPort } from '../../ports/witness'
import type { WorkerPort } from '../../ports/workers'
import type { XapiPort } from '../../ports/xapi'
import type { HoldfastConfig } from '../../wire/config'

/** The world of a host's daemon; plugin/daemon.ts builds it. */
export interface HostParts {
  readonly version: string
  readonly host: HostUuid
  readonly config: HoldfastConfig
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly timeline: TimelinePort
  readonly readTimeline: () => readonly TimelineEntry[]
  readonly xapi: XapiPort
  /** The coordinator, as this host's XAPI has it written down for its next start; null where that names nobody of the pool. */
  readonly writtenCoordinator: () => HostUuid | null
  readonly witness: WitnessPort
  /** What this host noted about a VM's witnesses is of a claim that is gone. */
  readonly forgetNote?: (vm: VmUuid) => Promise<void>
  /** What `witness` asks, one by one, where that is two; absent: it is one. */
  readonly witnesses?: { readonly preferred: WitnessPort; readonly alternate: WitnessPort }
  readonly workers: WorkerPort
  readonly standbys: StandbyHostProbe
  readonly fronts: FrontPort
  readonly srs: SrRegistry
  readonly power: PowerFencer
  readonly fences: FenceRecord
  readonly askPeer: AskPeer
  readonly newUuid: () => string
  /** Whether this host's watchdog has destroyed the guest of that VM since this was last asked. */
  readonly takeSelfFenced: (vm: VmUuid) => boolean
  /** Since this host's machine was started. Milliseconds. */
  readonly upMs: () => number
  /** The domains of this host, from its hypervisor. Rejects when that does not tell. */
  readonly domains: Pick<DomainFence, 'state' | 'destroy'>
  /** Starts heartbeats on every link. */
  readonly heartbeats: (role: () => HostRole, received: (heard: HeardHeartbeat) => void) => { close(): void }
}

/** `sender`: as the host says that it is; null from a host of an earlier version. */
export type HeardHeartbeat = Omit<Extract<HeartbeatEvent, { type: 'received' }>, 'type' | 'atMs'> & {
  readonly sender: SenderHealth | null
}

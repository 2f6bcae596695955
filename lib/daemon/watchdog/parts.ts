import type { StopLimits } from '../../core/membership/domain-stop'
import type { Clock } from '../../ports/clock'
import type { DomainFence } from '../../ports/domain-fence'
import type { HostFence } from '../../ports/host-fence'
import type { LeaseFolder } from '../../ports/lease-notes'
import type { Log } from '../../ports/log'
import type { TimelinePort } from '../../ports/timeline'
import type { Timers } from '../../ports/timers'
import type { WatchdogBeat } from '../../ports/watchdog-beat'
import type { KillWorker } from '../../ports/worker-fence'

/** The world of a host's watchdog; plugin/watchdog.ts builds it. */
export interface WatchdogParts {
  readonly clock: Clock
  /** Also counts while the machine is suspended. */
  readonly bootClock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly timeline: TimelinePort
  /** Resolves when what was recorded is on stable storage, or the limit is over. */
  readonly recorded: (limitMs: number) => Promise<void>
  readonly leases: LeaseFolder
  readonly domains: DomainFence
  readonly host: HostFence
  /** After so long without a sign of life the machine is reset; 0: never. Seconds. */
  readonly hostSeconds: number
  readonly killWorker: KillWorker
  readonly stopLimits: StopLimits
  readonly beat: (beat: Omit<WatchdogBeat, 'pid'>) => void
}

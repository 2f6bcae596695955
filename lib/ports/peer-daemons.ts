import type { HostUuid } from '../core/domain/ids'
import type { DaemonApi } from '../wire/daemon-api'

/** The daemons of the pool's other hosts. Rejects with a Refusal (theirs, HOLDFAST_HOST_UNREACHABLE or HOLDFAST_TIMED_OUT). */
export type AskPeer = <F extends keyof DaemonApi>(
  host: HostUuid,
  fn: F,
  ask: DaemonApi[F]['ask'],
  limitMs?: number,
) => Promise<DaemonApi[F]['answer']>

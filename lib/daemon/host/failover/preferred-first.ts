import { isUpToDateEverywhere } from '../../../core/domain/claim'
import type { HostUuid } from '../../../core/domain/ids'
import { type Home, isLeftToPreferred } from '../../../core/policy/survivor'
import type { WorkerStatus } from '../../../wire/worker-api'
import type { HostParts } from '../parts'

/**
 * Whether a VM of a silent host is left to that host for now: it is the preferred survivor, both may have just been started, and nothing that
 * is known of them speaks for this one. `wasHeard`: it was there since this host was started, and has gone.
 */
export function leavesToPreferred(host: HostUuid, wasHeard: boolean, status: WorkerStatus, parts: HostParts): boolean {
  if (host !== parts.config.preferredSurvivor) return false
  const hasFailed = status.volumes.some(({ localReplica }) => localReplica === 'failed')
  const self = homeOf(parts.host, status, hasFailed ? 'failed' : 'good')
  const preferred = homeOf(host, status, wasHeard ? 'failed' : 'good')
  return isLeftToPreferred(self, { ...preferred, isPreferred: true }, parts.upMs())
}

/** Whether the silent one reaches the witness nobody can know: it is taken for as good as this one. */
function homeOf(host: HostUuid, { claim, witnessReachable }: WorkerStatus, health: Home['health']): Home {
  const isUpToDate = claim !== null && isUpToDateEverywhere(claim.claim, host)
  return {
    ...{ host, isUpToDate, health, reachesWitness: witnessReachable, isPreferred: false },
    ...{ mirror: isUpToDate ? 'member' : 'target', isHolder: claim?.claim.holder === host },
  }
}

import type { Side } from '../../../core/mirror/events'
import type { Replica } from '../../../core/mirror/replica'
import type { WorkerVolumeStatus } from '../../../wire/worker-api'

/** Of a disk on its primary. */
export function replicaStatus({
  local,
  peer,
}: Readonly<Record<Side, Replica>>): Pick<WorkerVolumeStatus, 'localReplica' | 'refused'> {
  const isLost = local.state === 'absent' || local.state === 'out'
  return {
    localReplica: local.state === 'member' ? 'up-to-date' : isLost ? 'failed' : 'inconsistent',
    refused: peer.refused?.rule ?? local.refused?.rule ?? null,
  }
}

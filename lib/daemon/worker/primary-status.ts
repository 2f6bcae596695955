import type { WorkerStatus } from '../../wire/worker-api'
import type { Primary } from './primary'

export function primaryStatus(side: Primary, nowMs: number): Omit<WorkerStatus, 'id' | 'role' | 'witnessReachable'> {
  const { claim, frozen, degraded, peerConnected, guestActive, lockstep } = side
  return {
    ...{ claim, claimIsCurrent: true, frozen, degraded, peerConnected, guestActive, ...lockstep.status },
    volumes: side.disks.map((disk) => disk.status(nowMs)),
  }
}

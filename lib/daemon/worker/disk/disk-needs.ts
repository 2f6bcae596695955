import type { Hint, ReplicaRequest } from '../../../core/domain/replica-request'
import type { Members, MirrorEffect, Side } from '../../../core/mirror/events'
import type { WorkerVolume } from '../../../wire/worker-api'
import type { Disk } from './disk'

/** What a disk asks of the worker around it. */
export interface DiskNeeds {
  readonly askPeer: (disk: Disk, op: number, request: ReplicaRequest) => void
  /** See PeerTalk. */
  readonly peerDigests: (disk: Disk, offset: number, length: number) => Promise<Buffer>
  readonly hintPeer: (disk: Disk, hint: Hint) => void
  /** Called before anything is started or answered: a process that stood still may hold a lease that is over. */
  readonly checkLease: () => void
  readonly propose: (volume: WorkerVolume, members: Members) => void
  readonly note: (volume: WorkerVolume, note: Omit<Extract<MirrorEffect, { do: 'note' }>, 'do'>) => void
  readonly hostOf: (side: Side) => string
}

import type { ReplicaRequest } from '../domain/replica-request'
import type { CopyJob } from './copying'
import type { Side } from './events'

/** A request on its way through the replicas. */
export interface Operation {
  readonly request: ReplicaRequest
  /** The guest's request to answer; null for our own. */
  readonly guest: number | null
  /** What follows when a replica has done it; null for a guest's request and for flushes of our own. */
  readonly job: CopyJob | MarkJob | null
  /** Grows with the guest's requests; 0 for our own. */
  readonly order: number
  /** Sides that were asked, and sides that have done it. */
  asked: number
  done: number
  /** Number of what was asked of each side and is not answered; 0 when nothing is. */
  readonly issue: Record<Side, number>
  /** The peer was asked to put it on stable storage, whatever the guest asked. */
  hard: boolean
  /** The guest was answered while the peer still lacked it. */
  told: boolean
  /** Set when the last replica failed: the guest gets this error. */
  error: string
}

export interface MarkJob {
  readonly kind: 'mark'
  readonly side: Side
  readonly then: () => void
}

/** Sides as bits, for `done`. */
export const BIT: Readonly<Record<Side, number>> = { local: 1, peer: 2 }

export const operation = (
  request: ReplicaRequest,
  guest: number | null,
  job: CopyJob | MarkJob | null = null,
  order = 0,
): Operation => ({
  request,
  guest,
  job,
  order,
  asked: 0,
  done: 0,
  issue: { local: 0, peer: 0 },
  hard: false,
  told: false,
  error: '',
})

export const isPending = ({ issue }: Operation): boolean => issue.local !== 0 || issue.peer !== 0

import type { GuestRequest, Side } from './events'
import { SIDES } from './events'
import type { Replica } from './replica'

/** A request on its way through both replicas. */
export interface Operation {
  readonly id: number
  readonly request: GuestRequest
  /** The guest's request to answer; null for our own flushes and copies. */
  readonly guest: number | null
  readonly done: Set<Side>
  /** Issue numbers not answered yet, by side. */
  readonly pending: Map<Side, number>
  /** What this flush makes durable, by side. */
  readonly flushing: Map<Side, Set<number>>
  /** Set when the last replica failed: the guest gets this error. */
  error: string
}

export const operation = (id: number, request: GuestRequest, guest: number | null): Operation => ({
  id,
  request,
  guest,
  done: new Set(),
  pending: new Map(),
  flushing: new Map(),
  error: '',
})

/**
 * A change may be answered when every replica that the claim lists, or may list, has it, and no replica that still works is
 * on its way: then a replica that joins later has it too. A listed replica that is out holds every answer back, even of what it
 * has confirmed: its machine may have lost its cache since.
 */
export function mayAnswer(op: Operation, replicas: Readonly<Record<Side, Replica>>): boolean {
  if (op.error !== '') return op.pending.size === 0
  if (op.pending.size > 0) return false
  return (
    op.done.size > 0 && SIDES.every((side) => replicas[side].state !== 'out' && (op.done.has(side) || !replicas[side].binding))
  )
}

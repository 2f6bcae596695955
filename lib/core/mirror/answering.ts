import { isChange, type ReplicaRequest } from '../domain/replica-request'
import type { Side } from './events'
import { otherSide, SIDES } from './events'
import { isDone } from './in-flight'
import type { Operation } from './operation'
import type { Replica } from './replica'

type Replicas = Readonly<Record<Side, Replica>>

/** The other one has everything that was answered. */
export function isReplaceable(side: Side, replicas: Replicas): boolean {
  const { state } = replicas[otherSide(side)]
  return state === 'member' || state === 'out'
}

/**
 * A change may be answered when every replica that the claim lists, or may list, has it, and no replica that still works is
 * on its way: then a replica that joins later has it too. A listed replica that is out holds every answer back, even of what
 * it has confirmed: its machine may have lost its cache since.
 */
export function isEverywhere(op: Operation, replicas: Replicas): boolean {
  return op.done !== 0 && SIDES.every((side) => replicas[side].state !== 'out' && (!replicas[side].binding || isDone(op, side)))
}

/** A lone peer replica is on another machine's cache: its crash must not lose what the guest believes only unflushed. */
export const hardened = (request: ReplicaRequest, side: Side, replicas: Replicas): ReplicaRequest =>
  side === 'peer' && !isReplaceable('peer', replicas) && isChange(request) && !request.fua ? { ...request, fua: true } : request

/** It was asked before the peer was alone, and is in that machine's cache only. */
export const isSoft = (op: Operation, replicas: Replicas): boolean =>
  isChange(op.request) && !op.request.fua && !op.hard && op.error === '' && !isReplaceable('peer', replicas)

export const isFlushed = (request: ReplicaRequest): boolean => request.kind === 'flush' || (isChange(request) && request.fua)

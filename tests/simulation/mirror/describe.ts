import type { ReplicaRequest } from '../../../lib/core/domain/replica-request'
import type { Mirror } from '../../../lib/core/mirror/mirror'

/** One line of a transcript. */
export function describe(request: ReplicaRequest): string {
  if (request.kind === 'mark') return `mark ${JSON.stringify(request.mark)}`
  if (request.kind === 'flush') return 'flush'
  const at = `${request.kind} ${request.offset / 4096}+${Math.ceil(request.length / 4096)}`
  return (request.kind === 'write' || request.kind === 'zero') && request.fua ? `${at} fua` : at
}

export function describeMirror({ replicas, stalled }: Mirror): string {
  const sides = (['local', 'peer'] as const).map((side) => {
    const { state, dirty, marks } = replicas[side]
    return `${side} ${state}/${dirty.count}${marks > 0 ? `/${marks} marks` : ''}`
  })
  return `${sides.join(' ')}${stalled ? ' stalled' : ''}`
}

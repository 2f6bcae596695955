import { must } from '../../../core/domain/assert'
import { isChange, type GuestRequest } from '../../../core/domain/replica-request'
import type { DiskReply, DiskRequest } from '../../../ports/disk-export'

/** A longer request to zero is done in parts, so that none keeps others waiting and the activity log holds each. */
export const ZERO_BYTES_MAX = 64 * 1024 * 1024

/** What a client asked, as the mirror takes it. */
export function guestRequests(request: DiskRequest): readonly GuestRequest[] {
  const whole = wholeRequest(request)
  if (whole.kind !== 'zero' || whole.length <= ZERO_BYTES_MAX) return [whole]
  const end = whole.offset + whole.length
  return Array.from({ length: Math.ceil(whole.length / ZERO_BYTES_MAX) }, (_, part) => {
    const offset = whole.offset + part * ZERO_BYTES_MAX
    return { ...whole, offset, length: Math.min(ZERO_BYTES_MAX, end - offset) }
  })
}

/** Replies once, when all the parts have: with the first error, if there is one. */
export function allOf(parts: number, reply: (reply: DiskReply) => void): (reply: DiskReply) => void {
  let left = parts
  let error = 0
  return (part) => {
    error ||= part.error
    left--
    if (left === 0) reply({ error })
  }
}

function wholeRequest(request: DiskRequest): GuestRequest {
  const { kind, offset, length, fua, punch } = request
  switch (kind) {
    case 'read':
      return request.room === undefined ? { kind, offset, length } : { kind, offset, length, room: request.room }
    case 'write':
      return { kind, offset, length, data: must(request.data, 'a write brings data'), fua }
    case 'trim':
      return { kind: 'zero', offset, length, punch: true, fua }
    case 'zero':
      return { kind, offset, length, punch, fua }
    case 'flush':
      return { kind, offset: 0, length: 0 }
  }
}

/** Linux numbers of what replicas fail with; anything else reaches the guest as EIO. */
const ERRNO: Readonly<Record<string, number>> = { EIO: 5, ENOMEM: 12, EINVAL: 22, ENOSPC: 28 }

export const errnoOf = (error: string): number => (error === '' ? 0 : (ERRNO[error] ?? 5))

/** A request on its way. */
export interface Asked {
  readonly reply: (reply: DiskReply) => void
  readonly atMs: number
  readonly request: GuestRequest
}

/** Both only grow. */
export class Changes {
  writes = 0
  bytes = 0

  count(request: GuestRequest): void {
    if (!isChange(request)) return
    this.writes++
    this.bytes += request.length
  }
}

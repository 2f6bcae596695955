import type { ReplicaRequest } from '../../../core/domain/replica-request'
import type { PeerFrame } from '../../../wire/peer'
import { PEER_PAYLOAD_BYTES_MAX } from '../../../wire/peer-envelope'
import { ZERO_BYTES_MAX } from '../guest/guest-requests'

/** Frames that are answered by `done` or `data`. */
export type RequestFrame = Extract<PeerFrame, { type: 'write' | 'zero' | 'flush' | 'read' | 'hash' | 'mark' }>

export function requestOf(frame: RequestFrame): ReplicaRequest {
  switch (frame.type) {
    case 'write':
      return { kind: 'write', offset: frame.offset, length: frame.data.length, data: frame.data, fua: frame.fua }
    case 'zero':
      return { kind: 'zero', offset: frame.offset, length: frame.length, punch: frame.punch, fua: frame.fua }
    case 'read':
    case 'hash':
      return { kind: frame.type, offset: frame.offset, length: frame.length }
    case 'flush':
      return { kind: 'flush', offset: 0, length: 0 }
    case 'mark':
      return { kind: 'mark', offset: 0, length: 0, mark: frame.mark }
  }
}

/** False for what no primary asks: beyond the disk's end, more than an answer carries, or than the activity log holds. */
export function isSane({ kind, offset, length }: ReplicaRequest, sizeBytes: number): boolean {
  return length <= (kind === 'zero' ? ZERO_BYTES_MAX : PEER_PAYLOAD_BYTES_MAX) && offset + length <= sizeBytes
}

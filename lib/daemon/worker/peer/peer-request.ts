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

export function frameOf(request: ReplicaRequest, seq: number, volume: number, term: number): PeerFrame {
  switch (request.kind) {
    case 'read':
    case 'hash':
      return { type: request.kind, seq, volume, offset: request.offset, length: request.length, term }
    case 'write':
      return { type: 'write', seq, volume, offset: request.offset, data: request.data, term, fua: request.fua }
    case 'zero': {
      const { offset, length, punch, fua } = request
      return { type: 'zero', seq, volume, offset, length, punch, term, fua }
    }
    case 'flush':
      return { type: 'flush', seq, volume, term }
    case 'mark':
      return { type: 'mark', seq, volume, mark: request.mark, term }
  }
}

/** False for what no primary asks: beyond the disk's end, more than an answer carries, or than the activity log holds. */
export function isSane({ kind, offset, length }: ReplicaRequest, sizeBytes: number): boolean {
  return length <= (kind === 'zero' ? ZERO_BYTES_MAX : PEER_PAYLOAD_BYTES_MAX) && offset + length <= sizeBytes
}

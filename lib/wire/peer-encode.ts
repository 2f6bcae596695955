import { assert } from '../core/domain/assert'
import type { Envelope, WireFrame } from './peer-envelope'
import { encodeHeader, type PeerHeader } from './peer-header'
import { FLAG, payloadLimit, TYPE } from './peer-numbers'

const NO_BYTES = Buffer.alloc(0)

/** The frame as the pieces to be written one after the other; a payload is the very buffer of the frame. */
export function encodeEnvelope(envelope: Envelope): readonly [header: Buffer, payload: Buffer] {
  const { frame, session, position, received } = envelope
  const payload = payloadOf(frame)
  const fields = { volume: 0, seq: 0, offset: 0, term: 0, length: 0, ...numbersOf(frame) }
  const flags = flagsOf(frame) | (envelope.resume ? FLAG.resume : 0)
  assert(payload.length <= payloadLimit(TYPE[frame.type]), `a ${frame.type} of ${payload.length} bytes fits a frame`)
  const type = TYPE[frame.type]
  return [encodeHeader({ ...fields, type, flags, session, payloadBytes: payload.length, position, received }), payload]
}

function payloadOf(frame: WireFrame): Buffer {
  switch (frame.type) {
    case 'hello':
      return text(frame.hello)
    case 'welcome':
      return text(frame.welcome)
    case 'refuse':
      return text(frame.refuse)
    case 'mark':
      return text(frame.mark)
    case 'hint':
      return text(frame.hint)
    case 'present':
      return text(frame.presence)
    case 'write':
    case 'data':
    case 'bits':
      return frame.data
    case 'done':
    case 'gone':
      return Buffer.from(frame.error, 'utf8')
    case 'bye':
      return Buffer.from(frame.reason, 'utf8')
    case 'zero':
    case 'flush':
    case 'read':
    case 'hash':
    case 'ping':
    case 'pong':
    case 'link-ping':
    case 'link-ack':
      return NO_BYTES
  }
}

const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), 'utf8')

function numbersOf(frame: WireFrame): Partial<Pick<PeerHeader, 'volume' | 'seq' | 'offset' | 'term' | 'length'>> {
  switch (frame.type) {
    case 'write':
      return { seq: frame.seq, volume: frame.volume, offset: frame.offset, term: frame.term }
    case 'zero':
    case 'read':
    case 'hash':
      return { seq: frame.seq, volume: frame.volume, offset: frame.offset, length: frame.length, term: frame.term }
    case 'flush':
    case 'mark':
      return { seq: frame.seq, volume: frame.volume, term: frame.term }
    case 'hint':
      return { volume: frame.volume, term: frame.term }
    case 'done':
    case 'data':
      return { seq: frame.seq, volume: frame.volume }
    case 'bits':
      return { volume: frame.volume, offset: frame.page }
    case 'present':
    case 'gone':
      return { volume: frame.volume }
    case 'ping':
      return { seq: frame.id, term: frame.term }
    case 'pong':
      return { seq: frame.id }
    case 'hello':
    case 'welcome':
    case 'refuse':
    case 'link-ping':
    case 'link-ack':
    case 'bye':
      return {}
  }
}

function flagsOf(frame: WireFrame): number {
  if (frame.type === 'write') return frame.fua ? FLAG.fua : 0
  if (frame.type === 'zero') return (frame.fua ? FLAG.fua : 0) | (frame.punch ? FLAG.punch : 0)
  return frame.type === 'ping' && frame.guestActive ? FLAG.guestActive : 0
}

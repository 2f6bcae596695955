import { assert } from '../core/domain/assert'
import { packFrames } from './guest-frames'
import type { Envelope, WireFrame } from './peer-envelope'
import { putHeader, type PeerHeader } from './peer-header'
import { FLAG, payloadLimit, TYPE } from './peer-numbers'
import { runTable } from './peer-runs'

const NO_BYTES = Buffer.alloc(0)

/** Puts the header of a frame at `at`: 64 bytes, to be followed by `payloadBytes`: the frame's preface, and its payload. */
export function putEnvelope(
  { frame, session, resume, position, received }: Envelope,
  payloadBytes: number,
  into: Buffer,
  at: number,
): void {
  const type = TYPE[frame.type]
  assert(payloadBytes <= payloadLimit(type), `a ${frame.type} of ${payloadBytes} bytes fits a frame`)
  const flags = flagsOf(frame) | (resume ? FLAG.resume : 0)
  const { volume, seq, offset, term, length } = numbersOf(frame)
  putHeader({ type, flags, volume, session, payloadBytes, position, received, seq, offset, term, length }, into, at)
}

/** What stands between the header and the payload. */
export function prefaceOf(frame: WireFrame): Buffer {
  return frame.type === 'epoch-part' && frame.kind === 'memory' ? runTable(frame.runs, frame.data.length) : NO_BYTES
}

/** What follows them; of frames that carry data, the very buffer. */
export function payloadOf(frame: WireFrame): Buffer {
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
    case 'note':
      return text(frame.note)
    case 'noted':
      return text(frame.noted)
    case 'write':
    case 'data':
    case 'bits':
    case 'epoch-part':
      return frame.data
    case 'epoch-traffic':
      return packFrames(frame.frames)
    case 'done':
    case 'gone':
    case 'epoch-failed':
      return frame.error === '' ? NO_BYTES : Buffer.from(frame.error, 'utf8')
    case 'bye':
      return Buffer.from(frame.reason, 'utf8')
    case 'zero':
    case 'flush':
    case 'read':
    case 'hash':
    case 'ping':
    case 'spent':
    case 'pong':
    case 'link-ping':
    case 'link-ack':
    case 'epoch-begin':
    case 'epoch-cut':
    case 'epoch-end':
    case 'epoch-leave':
    case 'epoch-begun':
    case 'epoch-ack':
    case 'epoch-left':
    case 'epoch-press':
      return NO_BYTES
  }
}

const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), 'utf8')

type Numbers = Pick<PeerHeader, 'volume' | 'seq' | 'offset' | 'term' | 'length'>
const NO_NUMBERS: Numbers = { volume: 0, seq: 0, offset: 0, term: 0, length: 0 }

/** Each answer has the same fields in the same order: that is what makes them quick to read. */
function numbersOf(frame: WireFrame): Numbers {
  switch (frame.type) {
    case 'write':
      return { volume: frame.volume, seq: frame.seq, offset: frame.offset, term: frame.term, length: 0 }
    case 'zero':
    case 'read':
    case 'hash':
      return { volume: frame.volume, seq: frame.seq, offset: frame.offset, term: frame.term, length: frame.length }
    case 'flush':
    case 'mark':
      return { volume: frame.volume, seq: frame.seq, offset: 0, term: frame.term, length: 0 }
    case 'hint':
      return { volume: frame.volume, seq: 0, offset: 0, term: frame.term, length: 0 }
    case 'done':
    case 'data':
      return { volume: frame.volume, seq: frame.seq, offset: 0, term: 0, length: 0 }
    case 'bits':
      return { volume: frame.volume, seq: 0, offset: frame.page, term: 0, length: 0 }
    case 'present':
    case 'gone':
      return { volume: frame.volume, seq: 0, offset: 0, term: 0, length: 0 }
    case 'ping':
      return { volume: 0, seq: frame.id, offset: 0, term: frame.term, length: 0 }
    case 'pong':
      return { volume: 0, seq: frame.id, offset: 0, term: 0, length: 0 }
    case 'note':
    case 'spent':
      return { volume: 0, seq: 0, offset: 0, term: frame.term, length: 0 }
    case 'noted':
    case 'hello':
    case 'welcome':
    case 'refuse':
    case 'link-ping':
    case 'link-ack':
    case 'bye':
      return NO_NUMBERS
    case 'epoch-begin':
      return { volume: 0, seq: frame.run, offset: frame.memoryBytes, term: frame.term, length: 0 }
    case 'epoch-part':
    case 'epoch-cut':
    case 'epoch-traffic':
      return { volume: 0, seq: frame.run, offset: frame.epoch, term: frame.term, length: 0 }
    case 'epoch-end':
      return { volume: 0, seq: frame.run, offset: frame.epoch, term: frame.term, length: frame.parts }
    case 'epoch-leave':
      return { volume: 0, seq: frame.run, offset: 0, term: frame.term, length: 0 }
    case 'epoch-ack':
      return { volume: 0, seq: frame.run, offset: frame.epoch, term: 0, length: 0 }
    case 'epoch-begun':
    case 'epoch-left':
    case 'epoch-press':
    case 'epoch-failed':
      return { volume: 0, seq: frame.run, offset: 0, term: 0, length: 0 }
  }
}

function flagsOf(frame: WireFrame): number {
  if (frame.type === 'write') return frame.fua ? FLAG.fua : 0
  if (frame.type === 'zero') return (frame.fua ? FLAG.fua : 0) | (frame.punch ? FLAG.punch : 0)
  if (frame.type === 'epoch-begin') return frame.way === 'migration' ? FLAG.migration : 0
  if (frame.type === 'epoch-part') return frame.kind === 'device' ? FLAG.device : 0
  if (frame.type === 'epoch-traffic') return frame.way === 'came' ? FLAG.came : 0
  return frame.type === 'ping' && frame.guestActive ? FLAG.guestActive : 0
}

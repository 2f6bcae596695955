import { PAGE_BYTES } from '../core/domain/blocks'
import type { Inbox } from './nbd/inbox'
import type { Slab } from './nbd/slab'
import { epochFrameOf } from './peer-epoch-decode'
import { isPositioned, type Envelope, type WireFrame } from './peer-envelope'
import { PEER_HEADER_BYTES, readHeader, type PeerHeader } from './peer-header'
import { FLAG, payloadLimit, TYPE } from './peer-numbers'
import { asHello, asRefuse, asWelcome, fieldsOf, isOtherProtocol } from './peer-text'
import { asHint, asMark, asNote, asNoted, asPresence } from './peer-replica-text'

/** `protocol`: a hello or welcome of another protocol; `garbage`: anything else that is no frame. */
export type PeerFault = { readonly fault: 'protocol' | 'garbage'; readonly reason: string }

const garbage = (reason: string): PeerFault => ({ fault: 'garbage', reason })

/** Frames with a payload that stays where it was read, until its memory is given back. */
const LENT: ReadonlySet<number> = new Set([TYPE.write, TYPE.data, TYPE.bits, TYPE['epoch-part']])

/** Frames of one connection, whose bytes are put into the inbox. Ask until there is none; after a fault it must not be used. */
export class PeerDecoder {
  private header: PeerHeader | null = null
  private slab: Slab | null = null

  constructor(private readonly inbox: Inbox) {}

  /**
   * Holds the latest frame's data, if it has any. Whoever gives it back as free lets what comes next be read to the same place;
   * what nobody gives back is left to the garbage collector.
   */
  get memory(): Slab | null {
    return this.slab
  }

  next(): Envelope | PeerFault | null {
    this.slab = null
    if (this.header === null) {
      if (!this.inbox.has(PEER_HEADER_BYTES)) return null
      const header = readHeader(this.inbox.bytes, this.inbox.at)
      if ('fault' in header) return garbage(header.fault)
      if (header.payloadBytes > payloadLimit(header.type)) return garbage(`a payload of ${header.payloadBytes} bytes`)
      this.inbox.skip(PEER_HEADER_BYTES)
      this.header = header
    }
    const payload = this.payloadOf(this.header)
    if (payload === null) return null
    const { session, position, received, flags } = this.header
    const frame = frameOf(this.header, payload)
    this.header = null
    if ('fault' in frame) return frame
    if (isPositioned(frame) !== position > 0) return garbage(`a ${frame.type} at position ${position}`)
    return { session, resume: (flags & FLAG.resume) !== 0, position, received, frame }
  }

  private payloadOf({ type, payloadBytes }: PeerHeader): Buffer | null {
    if (payloadBytes === 0) return NO_BYTES
    if (!LENT.has(type)) return this.inbox.take(payloadBytes)
    if (!this.inbox.has(payloadBytes)) return null
    const { data, slab } = this.inbox.lend(payloadBytes, PEER_HEADER_BYTES + payloadBytes)
    this.slab = slab
    return data
  }
}

const NO_BYTES = Buffer.alloc(0)

function frameOf(header: PeerHeader, payload: Buffer): WireFrame | PeerFault {
  const { seq, volume, offset, length, term } = header
  const fua = (header.flags & FLAG.fua) !== 0
  switch (header.type) {
    case TYPE.hello:
    case TYPE.welcome:
    case TYPE.refuse:
      return textFrameOf(header.type, payload)
    case TYPE.mark:
    case TYPE.hint:
    case TYPE.present:
    case TYPE.note:
    case TYPE.noted:
      return replicaFrameOf(header, payload)
    case TYPE.write:
      return { type: 'write', seq, volume, offset, data: payload, term, fua }
    case TYPE.zero:
      return { type: 'zero', seq, volume, offset, length, punch: (header.flags & FLAG.punch) !== 0, term, fua }
    case TYPE.flush:
      return { type: 'flush', seq, volume, term }
    case TYPE.read:
      return { type: 'read', seq, volume, offset, length, term }
    case TYPE.hash:
      return { type: 'hash', seq, volume, offset, length, term }
    case TYPE.done:
      return { type: 'done', seq, volume, error: payload.toString('utf8') }
    case TYPE.data:
      return { type: 'data', seq, volume, data: payload }
    case TYPE.bits:
      return payload.length === PAGE_BYTES
        ? { type: 'bits', volume, page: offset, data: payload }
        : garbage(`a page of ${payload.length} bytes`)
    case TYPE.gone:
      return { type: 'gone', volume, error: payload.toString('utf8') }
    case TYPE.ping:
      return { type: 'ping', id: seq, term, guestActive: (header.flags & FLAG.guestActive) !== 0 }
    case TYPE.spent:
      return { type: 'spent', term }
    case TYPE.pong:
      return { type: 'pong', id: seq }
    case TYPE['link-ping']:
      return { type: 'link-ping' }
    case TYPE['link-ack']:
      return { type: 'link-ack' }
    case TYPE.bye:
      return { type: 'bye', reason: payload.toString('utf8') }
    default: {
      const frame = epochFrameOf(header, payload) ?? `a frame of type ${header.type}`
      return typeof frame === 'string' ? garbage(frame) : frame
    }
  }
}

function textFrameOf(type: number, payload: Buffer): WireFrame | PeerFault {
  const fields = fieldsOf(payload)
  if (fields === null) return garbage(`a frame of type ${type} without its JSON`)
  if (type === TYPE.hello || type === TYPE.welcome) {
    if (isOtherProtocol(fields)) return { fault: 'protocol', reason: 'the other side speaks another protocol' }
    if (type === TYPE.hello) {
      const hello = asHello(fields)
      return hello === null ? garbage('a hello of no known shape') : { type: 'hello', hello }
    }
    const welcome = asWelcome(fields)
    return welcome === null ? garbage('a welcome of no known shape') : { type: 'welcome', welcome }
  }
  const refuse = asRefuse(fields)
  return refuse === null ? garbage('a refusal of no known shape') : { type: 'refuse', refuse }
}

function replicaFrameOf({ type, seq, volume, term }: PeerHeader, payload: Buffer): WireFrame | PeerFault {
  const fields = fieldsOf(payload)
  if (fields === null) return garbage(`a frame of type ${type} without its JSON`)
  if (type === TYPE.mark) {
    const mark = asMark(fields)
    return mark === null ? garbage('a mark of no known shape') : { type: 'mark', seq, volume, mark, term }
  }
  if (type === TYPE.hint) {
    const hint = asHint(fields)
    return hint === null ? garbage('a hint of no known shape') : { type: 'hint', volume, hint, term }
  }
  if (type === TYPE.note) {
    const note = asNote(fields)
    return note === null ? garbage('a note of no known shape') : { type: 'note', note, term }
  }
  if (type === TYPE.noted) {
    const noted = asNoted(fields)
    return noted === null ? garbage('the answer to a note, of no known shape') : { type: 'noted', noted }
  }
  const presence = asPresence(fields)
  return presence === null ? garbage('a presence of no known shape') : { type: 'present', volume, presence }
}

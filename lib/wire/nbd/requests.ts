import type { Inbox } from './inbox'
import { COMMAND, COMMAND_FLAG, NBD_ERROR, PAYLOAD_BYTES_MAX, REQUEST_MAGIC } from './numbers'
import type { Slab } from './slab'

/** What a client calls its request: eight bytes that the reply repeats, as two signed halves. */
export interface Cookie {
  readonly cookieHigh: number
  readonly cookieLow: number
}

interface Asked extends Cookie {
  /** The flag as sent. */
  readonly fua: boolean
  /** Bytes; 0 for flush. */
  readonly offset: number
  /** Bytes; 0 for flush, else never. */
  readonly length: number
}
/** A request that is well formed and inside the export. */
export type NbdRequest =
  | (Asked & { readonly kind: 'read' })
  | (Asked & { readonly kind: 'trim' })
  | (Asked & { readonly kind: 'flush' })
  /** `slab` wants to have the data given back. */
  | (Asked & { readonly kind: 'write'; readonly data: Buffer; readonly slab: Slab })
  /** `punch`: the space may be given back. */
  | (Asked & { readonly kind: 'zero'; readonly punch: boolean })
  /** What is known of the stretch, or of its beginning when one extent is enough. */
  | (Asked & { readonly kind: 'status'; readonly one: boolean })

export type RequestStep =
  | { readonly kind: 'request'; readonly request: NbdRequest }
  /** A write has begun; so much of it will be held until it is here. */
  | { readonly kind: 'payload'; readonly bytes: number }
  /** Answered by the codec itself: refused, or nothing to do. */
  | { readonly kind: 'answered'; readonly to: Cookie; readonly isRead: boolean; readonly error: number }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'garbage'; readonly reason: string }

/** What was agreed on for one connection. */
export interface RequestTerms {
  readonly sizeBytes: number
  readonly readOnly: boolean
  readonly structured: boolean
  readonly blockStatus: boolean
}

const HEADER_BYTES = 28
const TWO_POW_32 = 2 ** 32
const CHANGING: ReadonlySet<number> = new Set([COMMAND.write, COMMAND.trim, COMMAND.writeZeroes])
/** FUA says nothing to commands that change nothing, and does no harm. */
const FLAGS: ReadonlyMap<number, number> = new Map([
  [COMMAND.read, COMMAND_FLAG.fua | COMMAND_FLAG.dontFragment],
  [COMMAND.write, COMMAND_FLAG.fua],
  [COMMAND.flush, COMMAND_FLAG.fua],
  [COMMAND.trim, COMMAND_FLAG.fua],
  [COMMAND.writeZeroes, COMMAND_FLAG.fua | COMMAND_FLAG.noHole],
  [COMMAND.blockStatus, COMMAND_FLAG.fua | COMMAND_FLAG.oneExtent],
])

/**
 * Requests of one connection after the negotiation. The payload of a refused write is skipped, never held, and the refusal told
 * when it is over: libnbd takes an answer to what it is still sending for a broken server.
 */
export class NbdRequests {
  private skipBytes = 0
  /** Due once its payload is skipped. */
  private refused: RequestStep | null = null
  /** The header that is looked at lies before its payload, and this one's payload has been announced. */
  private announced = false

  constructor(private readonly terms: RequestTerms) {}

  /** The next step that the bytes allow, or null when more are needed. After `garbage` it must not be called. */
  next(inbox: Inbox): RequestStep | null {
    if (this.skipBytes > 0) {
      this.skipBytes -= inbox.skip(this.skipBytes)
      if (this.skipBytes > 0) return null
    }
    const { refused } = this
    if (refused !== null) {
      this.refused = null
      return refused
    }
    if (!inbox.has(HEADER_BYTES)) return null
    const { bytes, at } = inbox
    if (bytes.readUInt32BE(at) !== REQUEST_MAGIC) return { kind: 'garbage', reason: 'a request without its magic number' }
    const command = bytes.readUInt16BE(at + 6)
    if (command === COMMAND.disconnect) return { kind: 'disconnect' }
    const flags = bytes.readUInt16BE(at + 4)
    const cookieHigh = bytes.readInt32BE(at + 8)
    const cookieLow = bytes.readInt32BE(at + 12)
    // Sizes are exact in a number; of an offset that is not, the rounding stays far past the end.
    const offset = bytes.readUInt32BE(at + 16) * TWO_POW_32 + bytes.readUInt32BE(at + 20)
    const length = bytes.readUInt32BE(at + 24)
    const error = this.objection(command, flags, offset, length)
    if (error !== NBD_ERROR.none || (length === 0 && command !== COMMAND.flush)) {
      inbox.skip(HEADER_BYTES)
      const answered: RequestStep = { kind: 'answered', to: { cookieHigh, cookieLow }, isRead: command === COMMAND.read, error }
      if (command !== COMMAND.write) return answered
      this.skipBytes = length
      this.refused = answered
      return this.next(inbox)
    }
    const fua = (flags & COMMAND_FLAG.fua) !== 0
    if (command === COMMAND.write) {
      if (!inbox.has(HEADER_BYTES + length)) return this.announce(length)
      this.announced = false
      inbox.skip(HEADER_BYTES)
      const { data, slab } = inbox.lend(length, HEADER_BYTES + length)
      return { kind: 'request', request: { kind: 'write', cookieHigh, cookieLow, fua, offset, length, data, slab } }
    }
    inbox.skip(HEADER_BYTES)
    return { kind: 'request', request: withoutData(command, flags, { cookieHigh, cookieLow, fua, offset, length }) }
  }

  private announce(bytes: number): RequestStep | null {
    if (this.announced) return null
    this.announced = true
    return { kind: 'payload', bytes }
  }

  private objection(command: number, flags: number, offset: number, length: number): number {
    const { sizeBytes, readOnly, structured, blockStatus } = this.terms
    const known = FLAGS.get(command)
    if (known === undefined || (flags & ~known) !== 0) return NBD_ERROR.EINVAL
    if (!structured && (flags & COMMAND_FLAG.dontFragment) !== 0) return NBD_ERROR.EINVAL
    if (command === COMMAND.flush) return NBD_ERROR.none
    if (command === COMMAND.blockStatus && (!blockStatus || length === 0)) return NBD_ERROR.EINVAL
    if (readOnly && CHANGING.has(command)) return NBD_ERROR.EPERM
    if ((command === COMMAND.read || command === COMMAND.write) && length > PAYLOAD_BYTES_MAX) return NBD_ERROR.EINVAL
    if (offset + length <= sizeBytes) return NBD_ERROR.none
    return command === COMMAND.write || command === COMMAND.writeZeroes ? NBD_ERROR.ENOSPC : NBD_ERROR.EINVAL
  }
}

function withoutData(command: number, flags: number, asked: Asked): NbdRequest {
  const { cookieHigh, cookieLow, fua, offset, length } = asked
  switch (command) {
    case COMMAND.flush:
      return { kind: 'flush', cookieHigh, cookieLow, fua, offset: 0, length: 0 }
    case COMMAND.trim:
      return { kind: 'trim', cookieHigh, cookieLow, fua, offset, length }
    case COMMAND.writeZeroes:
      return { kind: 'zero', cookieHigh, cookieLow, fua, offset, length, punch: (flags & COMMAND_FLAG.noHole) === 0 }
    case COMMAND.blockStatus:
      return { kind: 'status', cookieHigh, cookieLow, fua, offset, length, one: (flags & COMMAND_FLAG.oneExtent) !== 0 }
    default:
      return { kind: 'read', cookieHigh, cookieLow, fua, offset, length }
  }
}

import type { Extent } from '../../core/domain/extent'
import { CHUNK, CHUNK_FLAG, EXTENT_STATE, NBD_ERROR, REPLY_MAGIC, sendableError, STRUCTURED_REPLY_MAGIC } from './numbers'
import type { Cookie } from './requests'

/** No header is longer, nor a reply without payload. */
export const REPLY_BYTES_MAX = 128
const CHUNK_BYTES = 20
const TWO_POW_32 = 2 ** 32
/** A client that wants to know more asks again; QEMU and libnbd do. */
const EXTENTS_MAX = 4096
/** The only context there is gets this number. */
export const ALLOCATION_CONTEXT_ID = 1

const MESSAGES: ReadonlyMap<number, string> = new Map([
  [NBD_ERROR.EPERM, 'the disk is read-only'],
  [NBD_ERROR.EIO, 'the disk failed'],
  [NBD_ERROR.ENOMEM, 'out of memory'],
  [NBD_ERROR.EINVAL, 'not a request that this disk can carry out'],
  [NBD_ERROR.ENOSPC, 'past the end of the disk, or no space left'],
  [NBD_ERROR.EOVERFLOW, 'too much for one reply'],
  [NBD_ERROR.ENOTSUP, 'not supported'],
  [NBD_ERROR.ESHUTDOWN, 'the server is ending'],
])

/**
 * Replies in the dialect that one connection agreed on. Where replies are structured, reads, extents and errors are; the
 * success of anything else stays a simple reply, which is shorter. Methods write at `at` and answer how many bytes.
 */
export class NbdReplies {
  constructor(private readonly structured: boolean) {}

  /** A whole reply without payload. */
  putResult(into: Buffer, at: number, to: Cookie, isRead: boolean, errno: number): number {
    if (!this.structured || (errno === 0 && !isRead)) return putSimple(into, at, to, errno)
    return errno === 0 ? putChunk(into, at, to, CHUNK.none, 0) : putError(into, at, to, sendableError(errno))
  }

  /** What precedes the data of a read that went well. */
  putReadHeader(into: Buffer, at: number, to: Cookie, offset: number, length: number): number {
    if (!this.structured) return putSimple(into, at, to, 0)
    const bytes = putChunk(into, at, to, CHUNK.offsetData, 8 + length)
    into.writeUInt32BE(Math.floor(offset / TWO_POW_32), at + bytes)
    into.writeUInt32BE(offset % TWO_POW_32, at + bytes + 4)
    return bytes + 8
  }
}

/**
 * What is known of `length` bytes, in the context base:allocation. Where nothing is known they are taken for allocated, and
 * only the beginning is told when `one` extent is asked for.
 */
export function extentsReply(to: Cookie, length: number, known: readonly Extent[], one: boolean): Buffer {
  const told = tellable(length, known).slice(0, one ? 1 : EXTENTS_MAX)
  const bytes = Buffer.alloc(CHUNK_BYTES + 4 + 8 * told.length)
  let at = putChunk(bytes, 0, to, CHUNK.blockStatus, 4 + 8 * told.length)
  at = bytes.writeUInt32BE(ALLOCATION_CONTEXT_ID, at)
  for (const { lengthBytes, hole, zero } of told) {
    at = bytes.writeUInt32BE(lengthBytes, at)
    at = bytes.writeUInt32BE((hole ? EXTENT_STATE.hole : 0) | (zero ? EXTENT_STATE.zero : 0), at)
  }
  return bytes
}

/** Not empty, no extent empty or past the end, no two alike side by side. */
function tellable(length: number, known: readonly Extent[]): Extent[] {
  const told: Extent[] = []
  let left = length
  for (const { lengthBytes, hole, zero } of known) {
    const part = Math.min(lengthBytes, left)
    if (part <= 0) continue
    left -= part
    const last = told.at(-1)
    if (last?.hole === hole && last.zero === zero) told[told.length - 1] = { lengthBytes: last.lengthBytes + part, hole, zero }
    else told.push({ lengthBytes: part, hole, zero })
  }
  return told.length > 0 ? told : [{ lengthBytes: length, hole: false, zero: false }]
}

function putSimple(into: Buffer, at: number, to: Cookie, errno: number): number {
  into.writeUInt32BE(REPLY_MAGIC, at)
  into.writeUInt32BE(sendableError(errno), at + 4)
  into.writeInt32BE(to.cookieHigh, at + 8)
  into.writeInt32BE(to.cookieLow, at + 12)
  return 16
}

/** The header of a chunk that is the only one of its reply. */
function putChunk(into: Buffer, at: number, to: Cookie, type: number, payloadBytes: number): number {
  into.writeUInt32BE(STRUCTURED_REPLY_MAGIC, at)
  into.writeUInt16BE(CHUNK_FLAG.done, at + 4)
  into.writeUInt16BE(type, at + 6)
  into.writeInt32BE(to.cookieHigh, at + 8)
  into.writeInt32BE(to.cookieLow, at + 12)
  into.writeUInt32BE(payloadBytes, at + 16)
  return CHUNK_BYTES
}

function putError(into: Buffer, at: number, to: Cookie, errno: number): number {
  const message = MESSAGES.get(errno) ?? ''
  const bytes = putChunk(into, at, to, CHUNK.error, 6 + message.length)
  into.writeUInt32BE(errno, at + bytes)
  into.writeUInt16BE(message.length, at + bytes + 4)
  return bytes + 6 + into.write(message, at + bytes + 6, 'latin1')
}

import { assert } from '../core/domain/assert'

/**
 * In front of every frame between workers, big endian:
 *
 *      0  u32  magic "HFL1"          8  u32  session        32  u64  seq or id
 *      4  u8   type                 12  u32  payload bytes  40  u64  offset
 *      5  u8   flags                16  u64  position       48  u64  term
 *      6  u16  volume               24  u64  received       56  u32  length    60  u32  zero
 *
 * The u64 are integers that a JavaScript number holds exactly. Fields that a frame has no use for are zero.
 */
export interface PeerHeader {
  readonly type: number
  readonly flags: number
  readonly volume: number
  readonly session: number
  readonly payloadBytes: number
  readonly position: number
  readonly received: number
  readonly seq: number
  readonly offset: number
  readonly term: number
  readonly length: number
}

export const PEER_HEADER_BYTES = 64
const MAGIC = 0x48464c31
const HIGH = 0x1_0000_0000
/** The high half of Number.MAX_SAFE_INTEGER. */
const HIGH_MAX = 0x1f_ffff

/** Puts 64 bytes at `at`. */
export function putHeader(header: PeerHeader, into: Buffer, at: number): void {
  into.writeUInt32BE(MAGIC, at)
  into[at + 4] = header.type
  into[at + 5] = header.flags
  into.writeUInt16BE(header.volume, at + 6)
  into.writeUInt32BE(header.session, at + 8)
  into.writeUInt32BE(header.payloadBytes, at + 12)
  putInteger(header.position, into, at + 16)
  putInteger(header.received, into, at + 24)
  putInteger(header.seq, into, at + 32)
  putInteger(header.offset, into, at + 40)
  putInteger(header.term, into, at + 48)
  into.writeUInt32BE(header.length, at + 56)
  into.writeUInt32BE(0, at + 60)
}

/** The header in the 64 bytes at `at`, or what is wrong with it. */
export function readHeader(bytes: Buffer, at: number): PeerHeader | { readonly fault: string } {
  if (bytes.readUInt32BE(at) !== MAGIC) return { fault: 'a frame without its magic number' }
  for (let field = 16; field <= 48; field += 8)
    if (bytes.readUInt32BE(at + field) > HIGH_MAX) return { fault: `a number too large at ${field}` }
  return {
    type: bytes.readUInt8(at + 4),
    flags: bytes.readUInt8(at + 5),
    volume: bytes.readUInt16BE(at + 6),
    session: bytes.readUInt32BE(at + 8),
    payloadBytes: bytes.readUInt32BE(at + 12),
    position: readInteger(bytes, at + 16),
    received: readInteger(bytes, at + 24),
    seq: readInteger(bytes, at + 32),
    offset: readInteger(bytes, at + 40),
    term: readInteger(bytes, at + 48),
    length: bytes.readUInt32BE(at + 56),
  }
}

function putInteger(value: number, into: Buffer, at: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a number fits a frame')
  into.writeUInt32BE(Math.floor(value / HIGH), at)
  into.writeUInt32BE(value % HIGH, at + 4)
}

const readInteger = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4)

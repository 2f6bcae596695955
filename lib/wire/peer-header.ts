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

export function encodeHeader(header: PeerHeader): Buffer {
  const bytes = Buffer.allocUnsafe(PEER_HEADER_BYTES)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeUInt8(header.type, 4)
  bytes.writeUInt8(header.flags, 5)
  bytes.writeUInt16BE(header.volume, 6)
  bytes.writeUInt32BE(header.session, 8)
  bytes.writeUInt32BE(header.payloadBytes, 12)
  writeInteger(bytes, header.position, 16)
  writeInteger(bytes, header.received, 24)
  writeInteger(bytes, header.seq, 32)
  writeInteger(bytes, header.offset, 40)
  writeInteger(bytes, header.term, 48)
  bytes.writeUInt32BE(header.length, 56)
  bytes.writeUInt32BE(0, 60)
  return bytes
}

/** The header in the first 64 bytes, or what is wrong with it. */
export function decodeHeader(bytes: Buffer): PeerHeader | { readonly fault: string } {
  if (bytes.readUInt32BE(0) !== MAGIC) return { fault: 'a frame without its magic number' }
  for (const at of [16, 24, 32, 40, 48]) if (bytes.readUInt32BE(at) > HIGH_MAX) return { fault: `a number too large at ${at}` }
  return {
    type: bytes.readUInt8(4),
    flags: bytes.readUInt8(5),
    volume: bytes.readUInt16BE(6),
    session: bytes.readUInt32BE(8),
    payloadBytes: bytes.readUInt32BE(12),
    position: readInteger(bytes, 16),
    received: readInteger(bytes, 24),
    seq: readInteger(bytes, 32),
    offset: readInteger(bytes, 40),
    term: readInteger(bytes, 48),
    length: bytes.readUInt32BE(56),
  }
}

function writeInteger(bytes: Buffer, value: number, at: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, `${value} fits a frame`)
  bytes.writeUInt32BE(Math.floor(value / HIGH), at)
  bytes.writeUInt32BE(value % HIGH, at + 4)
}

const readInteger = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4)

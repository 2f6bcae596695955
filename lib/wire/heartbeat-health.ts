import { HEARD_HOSTS_MAX, type HeardHost, type SenderHealth } from '../core/domain/heartbeat'
import { hostUuid } from '../core/domain/ids'
import { uuidBytes, uuidText } from './uuid-bytes'

/**
 * What version 2 of a heartbeat adds, numbers big-endian:
 *
 *     0  8  the sender's clock, milliseconds
 *     8  4  worst lag, milliseconds
 *    12  1  number of hosts, at most 32, each:
 *
 *           0  16  uuid      24  4  age, milliseconds
 *          16   8  counter   28  4  links
 */
const HEAD_BYTES = 13
const HEARD_BYTES = 32
export const HEALTH_BYTES_MAX = HEAD_BYTES + HEARD_HOSTS_MAX * HEARD_BYTES
const U32_MAX = 0xffff_ffff

export function healthBytes({ clockMs, worstLagMs, hears }: SenderHealth): Buffer {
  if (hears.length > HEARD_HOSTS_MAX) throw new TypeError(`a heartbeat names at most ${HEARD_HOSTS_MAX} hosts`)
  const bytes = Buffer.alloc(HEAD_BYTES + hears.length * HEARD_BYTES)
  bytes.writeBigUInt64BE(BigInt(clockMs), 0)
  bytes.writeUInt32BE(Math.min(worstLagMs, U32_MAX), 8)
  bytes.writeUInt8(hears.length, 12)
  for (const [index, { host, counter, ageMs, links }] of hears.entries()) {
    const at = HEAD_BYTES + index * HEARD_BYTES
    uuidBytes(host).copy(bytes, at)
    bytes.writeBigUInt64BE(BigInt(counter), at + 16)
    bytes.writeUInt32BE(Math.min(ageMs, U32_MAX), at + 24)
    bytes.writeUInt32BE(links, at + 28)
  }
  return bytes
}

/** The bytes are all there is of it, neither more nor less. */
export function healthOf(bytes: Buffer): SenderHealth | 'malformed' {
  if (bytes.length < HEAD_BYTES) return 'malformed'
  const count = bytes.readUInt8(12)
  if (count > HEARD_HOSTS_MAX || bytes.length !== HEAD_BYTES + count * HEARD_BYTES) return 'malformed'
  const clockMs = Number(bytes.readBigUInt64BE(0))
  const hears = Array.from({ length: count }, (_, index) => heardOf(bytes, HEAD_BYTES + index * HEARD_BYTES))
  if (!Number.isSafeInteger(clockMs) || hears.some(({ counter }) => !Number.isSafeInteger(counter))) return 'malformed'
  return { clockMs, worstLagMs: bytes.readUInt32BE(8), hears }
}

const heardOf = (bytes: Buffer, at: number): HeardHost => ({
  host: hostUuid(uuidText(bytes.subarray(at, at + 16))),
  counter: Number(bytes.readBigUInt64BE(at + 16)),
  ageMs: bytes.readUInt32BE(at + 24),
  links: bytes.readUInt32BE(at + 28),
})

import type { Heartbeat, SenderHealth } from '../core/domain/heartbeat'
import { hostUuid } from '../core/domain/ids'
import { HEALTH_BYTES_MAX, healthBytes, healthOf } from './heartbeat-health'
import { uuidBytes, uuidText } from './uuid-bytes'

/**
 * One UDP datagram, numbers big-endian:
 *
 *     0  4  magic "HFhb"          8  16  pool uuid
 *     4  1  version, 1 or 2      24  16  host uuid
 *     5  1  flags                40   8  incarnation
 *     6  1  length of link       48   8  counter
 *     7  1  0                    56   n  link, ASCII
 *                              56+n   m  version 2: see heartbeat-health.ts
 *                            56+n+m  32  tag over all bytes before it
 *
 * flags: 1 coordinator, 2 xapi is up; others are ignored. The tag is the caller's: HMAC-SHA256 with the pool's key.
 */
export const HEARTBEAT_BYTES_MAX = 56 + 32 + HEALTH_BYTES_MAX + 32
const LINK_BYTES_MAX = 32
const TAG_BYTES = 32
const HEAD_BYTES = 56
const MAGIC = 0x48466862
const COORDINATOR = 1
const XAPI_UP = 2

const LINK = /^[\x21-\x7e]{1,32}$/

/** Version 2, or version 1 for one without the sender's health. `tagOf` answers 32 bytes. */
export function encodeHeartbeat(heartbeat: Heartbeat, tagOf: (signed: Buffer) => Buffer): Buffer {
  const { pool, host, incarnation, counter, link, role, sender } = heartbeat
  if (!LINK.test(link)) throw new TypeError(`not the name of a link: ${JSON.stringify(link)}`)
  const head = Buffer.alloc(HEAD_BYTES + link.length)
  head.writeUInt32BE(MAGIC, 0)
  head.writeUInt8(sender === null ? 1 : 2, 4)
  head.writeUInt8((role.coordinator ? COORDINATOR : 0) | (role.xapiUp ? XAPI_UP : 0), 5)
  head.writeUInt8(link.length, 6)
  uuidBytes(pool).copy(head, 8)
  uuidBytes(host).copy(head, 24)
  head.writeBigUInt64BE(BigInt(incarnation), 40)
  head.writeBigUInt64BE(BigInt(counter), 48)
  head.write(link, HEAD_BYTES, 'latin1')
  const signed = sender === null ? head : Buffer.concat([head, healthBytes(sender)])
  return Buffer.concat([signed, tagOf(signed)])
}

/** Null for anything that is not a heartbeat of a known version with a tag that `isTag` accepts. */
export function decodeHeartbeat(datagram: Buffer, isTag: (signed: Buffer, tag: Buffer) => boolean): Heartbeat | null {
  if (datagram.length < HEAD_BYTES + 1 + TAG_BYTES || datagram.length > HEARTBEAT_BYTES_MAX) return null
  const version = datagram.readUInt8(4)
  const linkBytes = datagram.readUInt8(6)
  if (datagram.readUInt32BE(0) !== MAGIC || (version !== 1 && version !== 2) || linkBytes > LINK_BYTES_MAX) return null
  const headBytes = HEAD_BYTES + linkBytes
  const signed = datagram.subarray(0, datagram.length - TAG_BYTES)
  if (signed.length < headBytes || (version === 1 && signed.length !== headBytes)) return null
  if (!isTag(signed, datagram.subarray(signed.length))) return null
  const sender: SenderHealth | null | 'malformed' = version === 1 ? null : healthOf(signed.subarray(headBytes))
  const link = signed.toString('latin1', HEAD_BYTES, headBytes)
  const incarnation = Number(signed.readBigUInt64BE(40))
  const counter = Number(signed.readBigUInt64BE(48))
  if (sender === 'malformed' || !LINK.test(link)) return null
  if (!Number.isSafeInteger(incarnation) || !Number.isSafeInteger(counter)) return null
  const flags = signed.readUInt8(5)
  return {
    pool: uuidText(signed.subarray(8, 24)),
    host: hostUuid(uuidText(signed.subarray(24, 40))),
    ...{ incarnation, counter, link, sender },
    role: { coordinator: (flags & COORDINATOR) !== 0, xapiUp: (flags & XAPI_UP) !== 0 },
  }
}

import type { Heartbeat } from '../core/domain/heartbeat'
import { hostUuid, isUuid } from '../core/domain/ids'

/**
 * One UDP datagram, numbers big-endian:
 *
 *     0  4  magic "HFhb"          8  16  pool uuid
 *     4  1  version, 1           24  16  host uuid
 *     5  1  flags                40   8  incarnation
 *     6  1  length of link       48   8  counter
 *     7  1  0                    56   n  link, ASCII
 *                              56+n  32  tag over all bytes before it
 *
 * flags: 1 coordinator, 2 xapi is up; others are ignored. The tag is the caller's: HMAC-SHA256 with the pool's key.
 */
export const HEARTBEAT_BYTES_MAX = 56 + 32 + 32
const LINK_BYTES_MAX = 32
const TAG_BYTES = 32
const HEAD_BYTES = 56
const MAGIC = 0x48466862
const VERSION = 1
const COORDINATOR = 1
const XAPI_UP = 2

const LINK = /^[\x21-\x7e]{1,32}$/

/** `tagOf` answers 32 bytes. */
export function encodeHeartbeat(heartbeat: Heartbeat, tagOf: (signed: Buffer) => Buffer): Buffer {
  if (!LINK.test(heartbeat.link)) throw new TypeError(`not the name of a link: ${JSON.stringify(heartbeat.link)}`)
  const signed = Buffer.alloc(HEAD_BYTES + heartbeat.link.length)
  signed.writeUInt32BE(MAGIC, 0)
  signed.writeUInt8(VERSION, 4)
  signed.writeUInt8((heartbeat.role.coordinator ? COORDINATOR : 0) | (heartbeat.role.xapiUp ? XAPI_UP : 0), 5)
  signed.writeUInt8(heartbeat.link.length, 6)
  uuidBytes(heartbeat.pool).copy(signed, 8)
  uuidBytes(heartbeat.host).copy(signed, 24)
  signed.writeBigUInt64BE(BigInt(heartbeat.incarnation), 40)
  signed.writeBigUInt64BE(BigInt(heartbeat.counter), 48)
  signed.write(heartbeat.link, HEAD_BYTES, 'latin1')
  return Buffer.concat([signed, tagOf(signed)])
}

/** Null for anything that is not a heartbeat of this version with a tag that `isTag` accepts. */
export function decodeHeartbeat(datagram: Buffer, isTag: (signed: Buffer, tag: Buffer) => boolean): Heartbeat | null {
  if (datagram.length < HEAD_BYTES + 1 + TAG_BYTES || datagram.length > HEARTBEAT_BYTES_MAX) return null
  const linkBytes = datagram.readUInt8(6)
  if (datagram.readUInt32BE(0) !== MAGIC || datagram.readUInt8(4) !== VERSION || linkBytes > LINK_BYTES_MAX) return null
  const signed = datagram.subarray(0, HEAD_BYTES + linkBytes)
  const tag = datagram.subarray(signed.length)
  if (tag.length !== TAG_BYTES || !isTag(signed, tag)) return null
  const link = signed.toString('latin1', HEAD_BYTES)
  const incarnation = Number(signed.readBigUInt64BE(40))
  const counter = Number(signed.readBigUInt64BE(48))
  if (!LINK.test(link) || !Number.isSafeInteger(incarnation) || !Number.isSafeInteger(counter)) return null
  const flags = signed.readUInt8(5)
  return {
    pool: uuidText(signed.subarray(8, 24)),
    host: hostUuid(uuidText(signed.subarray(24, 40))),
    incarnation,
    counter,
    link,
    role: { coordinator: (flags & COORDINATOR) !== 0, xapiUp: (flags & XAPI_UP) !== 0 },
  }
}

function uuidBytes(uuid: string): Buffer {
  if (!isUuid(uuid)) throw new TypeError(`not a uuid: ${JSON.stringify(uuid.slice(0, 80))}`)
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}

const uuidText = (bytes: Buffer): string => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

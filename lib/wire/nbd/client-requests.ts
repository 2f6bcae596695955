import { REQUEST_MAGIC } from './numbers'

const TWO_TO_32 = 2 ** 32

/** The header of a request; a write's data follows it. Offset and length in bytes, the cookie a whole number. */
export function requestHeader(command: number, flags: number, cookie: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(28)
  bytes.writeUInt32BE(REQUEST_MAGIC, 0)
  bytes.writeUInt16BE(flags, 4)
  bytes.writeUInt16BE(command, 6)
  bytes.writeUInt32BE(Math.floor(cookie / TWO_TO_32), 8)
  bytes.writeUInt32BE(cookie % TWO_TO_32, 12)
  bytes.writeUInt32BE(Math.floor(offset / TWO_TO_32), 16)
  bytes.writeUInt32BE(offset % TWO_TO_32, 20)
  bytes.writeUInt32BE(length, 24)
  return bytes
}

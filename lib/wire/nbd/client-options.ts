import type { ByteQueue } from '../byte-queue'
import { INFO, OPTION_MAGIC, OPTION_REPLIES_MAX, OPTION_REPLY_BYTES_MAX, OPTION_REPLY_MAGIC } from './numbers'

/** An option as a client asks it. */
export function optionRequest(option: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(16)
  header.writeBigUInt64BE(OPTION_MAGIC, 0)
  header.writeUInt32BE(option, 8)
  header.writeUInt32BE(payload.length, 12)
  return Buffer.concat([header, payload])
}

/** u32 name length, name, u16 number of wanted facts, the one that is wanted. */
export function goPayload(exportName: string): Buffer {
  const name = Buffer.from(exportName)
  const payload = Buffer.alloc(8 + name.length)
  payload.writeUInt32BE(name.length, 0)
  name.copy(payload, 4)
  payload.writeUInt16BE(1, 4 + name.length)
  payload.writeUInt16BE(INFO.blockSize, 6 + name.length)
  return payload
}

export type OptionReply = { readonly type: number; readonly payload: Buffer } | { readonly fault: string }

const HEADER_BYTES = 20

/** What a server answers to one option: as many replies as it likes, within reason. */
export class OptionReplies {
  private header: { readonly type: number; readonly length: number } | null = null
  private count = 0

  constructor(private readonly option: number) {}

  next(queue: ByteQueue): OptionReply | null {
    if (this.header === null) {
      const bytes = queue.take(HEADER_BYTES)
      if (bytes === null) return null
      const header = { type: bytes.readUInt32BE(12), length: bytes.readUInt32BE(16) }
      if (bytes.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC) return { fault: 'an option reply without its magic number' }
      if (bytes.readUInt32BE(8) !== this.option) return { fault: 'an answer to an option that was not asked' }
      if (header.length > OPTION_REPLY_BYTES_MAX) return { fault: `an option reply of ${header.length} bytes` }
      this.header = header
    }
    const { type, length } = this.header
    const payload = queue.take(length)
    if (payload === null) return null
    this.header = null
    return ++this.count > OPTION_REPLIES_MAX ? { fault: 'option replies without end' } : { type, payload }
  }
}

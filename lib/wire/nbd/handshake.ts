import type { ByteQueue } from '../byte-queue'
import {
  GREETING_MAGIC,
  HANDSHAKE,
  INFO,
  OPTION,
  OPTION_BYTES_MAX,
  OPTION_MAGIC,
  OPTION_REPLY,
  OPTION_REPLY_MAGIC,
  OPTIONS_MAX,
  PAYLOAD_BYTES_MAX,
  TRANSMISSION,
} from './numbers'

/** One disk offered on a socket. */
export interface NbdOffer {
  readonly name: string
  readonly sizeBytes: number
  readonly readOnly: boolean
}

export type HandshakeStep =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** Requests follow. `dialect` tells old clients, who were never told in words what the export can do, from new ones. */
  | { readonly kind: 'chosen'; readonly bytes: Buffer; readonly offer: NbdOffer; readonly dialect: 'export-name' | 'go' }
  /** `bytes`, perhaps empty, are sent before the connection is closed. */
  | { readonly kind: 'close'; readonly bytes: Buffer; readonly reason: string; readonly byClient: boolean }

const NOTHING = Buffer.alloc(0)

/** All of the greeting in one buffer: tapdisk takes a short read for an error. */
export function greeting(): Buffer {
  const bytes = Buffer.alloc(18)
  bytes.writeBigUInt64BE(GREETING_MAGIC, 0)
  bytes.writeBigUInt64BE(OPTION_MAGIC, 8)
  bytes.writeUInt16BE(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes, 16)
  return bytes
}

export function transmissionFlags(offer: NbdOffer): number {
  const { hasFlags, readOnly, sendFlush, sendFua, sendTrim, sendWriteZeroes, canMultiConn } = TRANSMISSION
  const always = hasFlags | sendFlush | sendFua | sendTrim | sendWriteZeroes | canMultiConn
  return offer.readOnly ? always | readOnly : always
}

/**
 * The server's half of the negotiation:
 *
 *     greeting -> client flags -> option* -> EXPORT_NAME or GO -> chosen
 *
 * A socket with one offer accepts any name: tapdisk asks for `tapdisk_client` and a NUL, whatever the disk.
 */
export class NbdHandshake {
  private flags: number | null = null
  private option: { readonly code: number; readonly lengthBytes: number } | null = null
  private skipBytes = 0
  private optionsSeen = 0

  constructor(private readonly offers: readonly NbdOffer[]) {}

  /** The next step that the bytes allow, or null when more are needed. After `chosen` and `close` it must not be called. */
  next(queue: ByteQueue): HandshakeStep | null {
    this.skipBytes -= queue.skip(this.skipBytes)
    if (this.skipBytes > 0) return null
    if (this.flags === null) {
      const bytes = queue.take(4)
      if (bytes === null) return null
      this.flags = bytes.readUInt32BE(0)
      if ((this.flags & ~(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes)) !== 0) return close(`client flags ${this.flags}`)
    }
    if (this.option === null) {
      const header = queue.take(16)
      if (header === null) return null
      if (header.readBigUInt64BE(0) !== OPTION_MAGIC) return close('an option without its magic number')
      if (++this.optionsSeen > OPTIONS_MAX) return close('too many options')
      this.option = { code: header.readUInt32BE(8), lengthBytes: header.readUInt32BE(12) }
    }
    const { code, lengthBytes } = this.option
    if (lengthBytes > OPTION_BYTES_MAX) return this.tooBig(code, lengthBytes)
    const payload = queue.take(lengthBytes)
    if (payload === null) return null
    this.option = null
    return this.answer(code, payload, this.flags)
  }

  private tooBig(code: number, lengthBytes: number): HandshakeStep {
    if (code === OPTION.exportName) return close(`a name of ${lengthBytes} bytes`)
    this.option = null
    this.skipBytes = lengthBytes
    return { kind: 'send', bytes: optionReply(code, OPTION_REPLY.tooBig) }
  }

  private answer(code: number, payload: Buffer, flags: number): HandshakeStep {
    if ((flags & HANDSHAKE.fixedNewstyle) === 0 && code !== OPTION.exportName)
      return close(`option ${code} in the oldest dialect`)
    switch (code) {
      case OPTION.exportName:
        return this.exportName(payload.toString('utf8'), (flags & HANDSHAKE.noZeroes) !== 0)
      case OPTION.abort:
        return { kind: 'close', bytes: optionReply(code, OPTION_REPLY.ack), reason: 'aborted by the client', byClient: true }
      case OPTION.list:
        return { kind: 'send', bytes: payload.length === 0 ? this.list() : optionReply(code, OPTION_REPLY.invalid) }
      case OPTION.startTls:
        return { kind: 'send', bytes: optionReply(code, OPTION_REPLY.policy) }
      case OPTION.info:
      case OPTION.go:
        return this.inform(code, payload)
      default:
        return { kind: 'send', bytes: optionReply(code, OPTION_REPLY.unsupported) }
    }
  }

  private exportName(name: string, noZeroes: boolean): HandshakeStep {
    const offer = this.find(name)
    if (offer === undefined) return close(`no export ${JSON.stringify(name.slice(0, 80))}`)
    const bytes = Buffer.alloc(noZeroes ? 10 : 134)
    bytes.writeBigUInt64BE(BigInt(offer.sizeBytes), 0)
    bytes.writeUInt16BE(transmissionFlags(offer), 8)
    return { kind: 'chosen', bytes, offer, dialect: 'export-name' }
  }

  private list(): Buffer {
    const servers = this.offers.map(({ name }) => {
      const text = Buffer.from(name, 'utf8')
      const length = Buffer.alloc(4)
      length.writeUInt32BE(text.length, 0)
      return optionReply(OPTION.list, OPTION_REPLY.server, Buffer.concat([length, text]))
    })
    return Buffer.concat([...servers, optionReply(OPTION.list, OPTION_REPLY.ack)])
  }

  /** INFO and GO: u32 name length, name, u16 count, count times u16 wanted fact. */
  private inform(code: number, payload: Buffer): HandshakeStep {
    const invalid: HandshakeStep = { kind: 'send', bytes: optionReply(code, OPTION_REPLY.invalid) }
    if (payload.length < 6) return invalid
    const nameBytes = payload.readUInt32BE(0)
    if (nameBytes > payload.length - 6) return invalid
    const wanted = payload.subarray(6 + nameBytes)
    if (wanted.length !== 2 * payload.readUInt16BE(4 + nameBytes)) return invalid
    const offer = this.find(payload.toString('utf8', 4, 4 + nameBytes))
    if (offer === undefined) return { kind: 'send', bytes: optionReply(code, OPTION_REPLY.unknownExport) }
    const facts = [exportFact(offer)]
    for (let at = 0; at < wanted.length; at += 2) {
      const fact = wanted.readUInt16BE(at)
      if (fact === INFO.name) facts.push(nameFact(offer))
      if (fact === INFO.blockSize) facts.push(blockSizeFact())
    }
    const bytes = Buffer.concat([
      ...facts.map((fact) => optionReply(code, OPTION_REPLY.info, fact)),
      optionReply(code, OPTION_REPLY.ack),
    ])
    return code === OPTION.go ? { kind: 'chosen', bytes, offer, dialect: 'go' } : { kind: 'send', bytes }
  }

  private find(name: string): NbdOffer | undefined {
    return this.offers.length === 1 || name === '' ? this.offers[0] : this.offers.find((offer) => offer.name === name)
  }
}

function optionReply(option: number, type: number, data: Buffer = NOTHING): Buffer {
  const header = Buffer.alloc(20)
  header.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0)
  header.writeUInt32BE(option, 8)
  header.writeUInt32BE(type, 12)
  header.writeUInt32BE(data.length, 16)
  return Buffer.concat([header, data])
}

function exportFact(offer: NbdOffer): Buffer {
  const fact = Buffer.alloc(12)
  fact.writeUInt16BE(INFO.export, 0)
  fact.writeBigUInt64BE(BigInt(offer.sizeBytes), 2)
  fact.writeUInt16BE(transmissionFlags(offer), 10)
  return fact
}

function nameFact(offer: NbdOffer): Buffer {
  const number = Buffer.alloc(2)
  number.writeUInt16BE(INFO.name, 0)
  return Buffer.concat([number, Buffer.from(offer.name, 'utf8')])
}

/** Any offset and length is served; 4 KiB is what the replica's file system likes best. */
function blockSizeFact(): Buffer {
  const fact = Buffer.alloc(14)
  fact.writeUInt16BE(INFO.blockSize, 0)
  fact.writeUInt32BE(1, 2)
  fact.writeUInt32BE(4096, 6)
  fact.writeUInt32BE(PAYLOAD_BYTES_MAX, 10)
  return fact
}

const close = (reason: string): HandshakeStep => ({ kind: 'close', bytes: NOTHING, reason, byClient: false })

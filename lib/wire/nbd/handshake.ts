import { assert } from '../../core/domain/assert'
import type { Intake } from './inbox'
import {
  GREETING_MAGIC,
  HANDSHAKE,
  INFO,
  NAME_BYTES_MAX,
  OPTION,
  OPTION_BYTES_MAX,
  OPTION_MAGIC,
  OPTION_REPLY,
  OPTIONS_MAX,
} from './numbers'
import * as options from './options'
import type { NbdOffer } from './options'

export type { NbdOffer }

export interface NbdPolicy {
  /** `required`: nothing of the disks is told before TLS. `off`: there is none. */
  readonly tls: 'off' | 'required'
  /** Structured replies and the contexts that need them are offered. */
  readonly structured: boolean
}

export type HandshakeStep =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** After `bytes` the client begins TLS. What follows counts from `secured()` on. */
  | { readonly kind: 'start-tls'; readonly bytes: Buffer }
  /** Requests follow, on the terms agreed. */
  | ({ readonly kind: 'chosen'; readonly bytes: Buffer } & NbdTerms)
  /** `bytes`, perhaps empty, are sent before the connection is closed. */
  | { readonly kind: 'close'; readonly bytes: Buffer; readonly reason: string; readonly byClient: boolean }

export interface NbdTerms {
  readonly offer: NbdOffer
  /** Tells old clients, who were never told in words what the export can do, from new ones. */
  readonly dialect: 'export-name' | 'go'
  /** Reads are answered with structured replies. */
  readonly structured: boolean
  /** The client may ask what is allocated. */
  readonly blockStatus: boolean
}

const NOTHING = Buffer.alloc(0)

/** All of the greeting in one buffer: tapdisk takes a short read for an error. */
export function greeting(): Buffer {
  const bytes = Buffer.alloc(18)
  bytes.writeBigUInt64BE(GREETING_MAGIC, 0)
  bytes.writeBigUInt64BE(OPTION_MAGIC, 8)
  bytes.writeUInt16BE(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes, 16)
  return bytes
}

/**
 * The server's half of the negotiation:
 *
 *     greeting -> client flags -> option* -> EXPORT_NAME or GO -> chosen
 *                                   └ STARTTLS -> secured() -> option* ...
 *
 * A socket with one offer accepts any name: tapdisk asks for `tapdisk_client` and a NUL, whatever the disk.
 */
export class NbdHandshake {
  private flags: number | null = null
  private option: { readonly code: number; readonly lengthBytes: number } | null = null
  private skipBytes = 0
  private optionsSeen = 0
  private channel: 'plain' | 'upgrading' | 'secure' = 'plain'
  private structured = false
  /** The disk whose allocation the client wants to ask about. */
  private contextOf: NbdOffer | null = null

  constructor(
    private readonly offers: readonly NbdOffer[],
    private readonly policy: NbdPolicy = { tls: 'off', structured: true },
  ) {}

  /** TLS stands. Nothing was agreed on before it: all that is refused where it is required. */
  secured(): void {
    assert(this.channel === 'upgrading', 'TLS follows the option that asks for it')
    this.channel = 'secure'
  }

  /** The next step that the bytes allow, or null when more are needed. After `chosen` and `close` it must not be called. */
  next(queue: Intake): HandshakeStep | null {
    this.skipBytes -= queue.skip(this.skipBytes)
    if (this.skipBytes > 0 || this.channel === 'upgrading') return null
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
    return reply(code, OPTION_REPLY.tooBig)
  }

  private answer(code: number, payload: Buffer, flags: number): HandshakeStep {
    if ((flags & HANDSHAKE.fixedNewstyle) === 0 && code !== OPTION.exportName)
      return close(`option ${code} in the oldest dialect`)
    if (code === OPTION.abort)
      return {
        kind: 'close',
        bytes: options.optionReply(code, OPTION_REPLY.ack),
        reason: 'aborted by the client',
        byClient: true,
      }
    if (code === OPTION.startTls) return this.startTls(payload)
    if (this.policy.tls === 'required' && this.channel !== 'secure')
      return code === OPTION.exportName ? close('a disk chosen before TLS') : reply(code, OPTION_REPLY.tlsRequired)
    return this.answerSecure(code, payload, flags)
  }

  private answerSecure(code: number, payload: Buffer, flags: number): HandshakeStep {
    switch (code) {
      case OPTION.exportName:
        return this.exportName(payload, (flags & HANDSHAKE.noZeroes) !== 0)
      case OPTION.list:
        return payload.length > 0 ? reply(code, OPTION_REPLY.invalid) : this.list()
      case OPTION.info:
      case OPTION.go:
        return this.inform(code, payload)
      case OPTION.structuredReply:
        return this.agreeOnStructure(payload)
      case OPTION.listMetaContext:
      case OPTION.setMetaContext:
        return this.contexts(code, payload)
      default:
        return reply(code, OPTION_REPLY.unsupported)
    }
  }

  private startTls(payload: Buffer): HandshakeStep {
    const code = OPTION.startTls
    if (this.policy.tls === 'off') return reply(code, OPTION_REPLY.policy)
    if (payload.length > 0 || this.channel === 'secure') return reply(code, OPTION_REPLY.invalid)
    this.channel = 'upgrading'
    return { kind: 'start-tls', bytes: options.optionReply(code, OPTION_REPLY.ack) }
  }

  private agreeOnStructure(payload: Buffer): HandshakeStep {
    if (!this.policy.structured) return reply(OPTION.structuredReply, OPTION_REPLY.unsupported)
    if (payload.length > 0) return reply(OPTION.structuredReply, OPTION_REPLY.invalid)
    this.structured = true
    return reply(OPTION.structuredReply, OPTION_REPLY.ack)
  }

  private contexts(code: number, payload: Buffer): HandshakeStep {
    if (!this.policy.structured) return reply(code, OPTION_REPLY.unsupported)
    const listed = code === OPTION.listMetaContext
    const asked = options.parseContexts(payload, listed)
    if (!listed) this.contextOf = null
    if (asked === null || !this.structured) return reply(code, OPTION_REPLY.invalid)
    const offer = this.find(asked.name)
    if (offer === undefined) return reply(code, OPTION_REPLY.unknownExport)
    if (!listed && asked.allocation) this.contextOf = offer
    const facts = asked.allocation ? [options.contextFact(listed)] : []
    return { kind: 'send', bytes: options.factReplies(code, OPTION_REPLY.metaContext, facts) }
  }

  private exportName(payload: Buffer, noZeroes: boolean): HandshakeStep {
    const name = payload.toString('utf8')
    const offer = payload.length > NAME_BYTES_MAX ? undefined : this.find(name)
    if (offer === undefined) return close(`no export ${JSON.stringify(name.slice(0, 80))}`)
    const bytes = Buffer.alloc(noZeroes ? 10 : 134)
    bytes.writeBigUInt64BE(BigInt(offer.sizeBytes), 0)
    bytes.writeUInt16BE(options.transmissionFlags(offer, this.structured), 8)
    return this.choose(bytes, offer, 'export-name')
  }

  private list(): HandshakeStep {
    return {
      kind: 'send',
      bytes: options.factReplies(OPTION.list, OPTION_REPLY.server, this.offers.map(options.serverFact)),
    }
  }

  private inform(code: number, payload: Buffer): HandshakeStep {
    const wish = options.parseWish(payload)
    if (wish === null) return reply(code, OPTION_REPLY.invalid)
    const offer = this.find(wish.name)
    if (offer === undefined) return reply(code, OPTION_REPLY.unknownExport)
    const facts = [options.exportFact(offer, this.structured)]
    if (wish.wanted.includes(INFO.name)) facts.push(options.nameFact(offer))
    if (wish.wanted.includes(INFO.blockSize)) facts.push(options.blockSizeFact())
    const bytes = options.factReplies(code, OPTION_REPLY.info, facts)
    return code === OPTION.go ? this.choose(bytes, offer, 'go') : { kind: 'send', bytes }
  }

  private choose(bytes: Buffer, offer: NbdOffer, dialect: NbdTerms['dialect']): HandshakeStep {
    const { structured, contextOf } = this
    return { kind: 'chosen', bytes, offer, dialect, structured, blockStatus: structured && contextOf === offer }
  }

  private find(name: string): NbdOffer | undefined {
    return this.offers.length === 1 || name === '' ? this.offers[0] : this.offers.find((offer) => offer.name === name)
  }
}

const reply = (code: number, type: number): HandshakeStep => ({ kind: 'send', bytes: options.optionReply(code, type) })
const close = (reason: string): HandshakeStep => ({ kind: 'close', bytes: NOTHING, reason, byClient: false })

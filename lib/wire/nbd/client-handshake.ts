import { assert, must } from '../../core/domain/assert'
import type { ByteQueue } from '../byte-queue'
import { factsOf, limitsSaid, type BlockLimits, type NbdFacts } from './client-facts'
import { goPayload, OptionReplies, optionRequest } from './client-options'
import { GREETING_MAGIC, HANDSHAKE, INFO, OPTION, OPTION_MAGIC, OPTION_REPLY } from './numbers'

export interface NbdWish {
  readonly exportName: string
  readonly tls: boolean
  /** Only the oldest way to choose an export: servers exist that leave GO's payload unread. */
  readonly exportNameOnly: boolean
}

/** EPROTO: not NBD as we know it. EEXPORT: no such export. ETLS: only one side wants TLS. EACCES: the server's policy. */
export type NbdRefused = 'EPROTO' | 'EEXPORT' | 'ETLS' | 'EACCES' | 'ESHUTDOWN'

export type ClientStep =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** The server waits for a TLS hello; `secured` goes on. What it said in plain text beyond this is forged. */
  | { readonly kind: 'start-tls' }
  | { readonly kind: 'open'; readonly facts: NbdFacts }
  | { readonly kind: 'failed'; readonly code: NbdRefused; readonly reason: string }

const GREETING_BYTES = 18
/** Size and flags, then a gap that newer servers leave out. */
const EXPORT_BYTES = 10
const GAP_BYTES = 124

/** The negotiation as its client: fixed newstyle, GO before EXPORT_NAME, no structured replies. */
export class NbdClientHandshake {
  private asked: 'nothing' | 'STARTTLS' | 'GO' | 'EXPORT_NAME' = 'nothing'
  private replies: OptionReplies | null = null
  private over = false
  private noZeroes = false
  private size: { readonly bytes: bigint; readonly flags: number } | null = null
  private limits: BlockLimits | null = null

  constructor(private readonly wish: NbdWish) {}

  /** What the server owes, for whoever reports that it does not come. */
  get awaited(): string {
    return this.asked === 'nothing' ? 'greeting' : `answer to ${this.asked}`
  }

  /** The next step that the bytes allow, or null when more are needed. Not to be called after `open` or `failed`. */
  next(queue: ByteQueue): ClientStep | null {
    assert(!this.over, 'a handshake that is over has no next step')
    const step = this.step(queue)
    this.over = step?.kind === 'open' || step?.kind === 'failed'
    return step
  }

  /** What to say first on the encrypted connection. */
  secured(): Buffer {
    return this.choose()
  }

  private step(queue: ByteQueue): ClientStep | null {
    if (this.asked === 'nothing') return this.greeting(queue)
    return this.asked === 'EXPORT_NAME' ? this.exportName(queue) : this.optionReply(queue)
  }

  private greeting(queue: ByteQueue): ClientStep | null {
    const bytes = queue.take(GREETING_BYTES)
    if (bytes === null) return null
    if (bytes.readBigUInt64BE(0) !== GREETING_MAGIC) return failed('EPROTO', 'it does not speak NBD')
    if (bytes.readBigUInt64BE(8) !== OPTION_MAGIC) return failed('EPROTO', 'it speaks the oldest NBD, without negotiation')
    const flags = bytes.readUInt16BE(16) & (HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes)
    const isFixed = (flags & HANDSHAKE.fixedNewstyle) !== 0
    this.noZeroes = (flags & HANDSHAKE.noZeroes) !== 0
    if (this.wish.tls && !isFixed) return failed('ETLS', 'it is too old for TLS')
    const answer = Buffer.alloc(4)
    answer.writeUInt32BE(flags)
    return send(Buffer.concat([answer, this.wish.tls ? this.startTls() : this.choose(isFixed)]))
  }

  private startTls(): Buffer {
    this.asked = 'STARTTLS'
    this.replies = new OptionReplies(OPTION.startTls)
    return optionRequest(OPTION.startTls, Buffer.alloc(0))
  }

  private choose(mayGo = true): Buffer {
    if (!mayGo || this.wish.exportNameOnly) {
      this.asked = 'EXPORT_NAME'
      return optionRequest(OPTION.exportName, Buffer.from(this.wish.exportName))
    }
    this.asked = 'GO'
    this.replies = new OptionReplies(OPTION.go)
    return optionRequest(OPTION.go, goPayload(this.wish.exportName))
  }

  private exportName(queue: ByteQueue): ClientStep | null {
    const bytes = queue.take(EXPORT_BYTES + (this.noZeroes ? 0 : GAP_BYTES))
    if (bytes === null) return null
    this.size = { bytes: bytes.readBigUInt64BE(0), flags: bytes.readUInt16BE(8) }
    return this.open()
  }

  private optionReply(queue: ByteQueue): ClientStep | null {
    for (;;) {
      const reply = must(this.replies, 'an option that was asked is answered').next(queue)
      if (reply === null) return null
      if ('fault' in reply) return failed('EPROTO', reply.fault)
      const { type, payload } = reply
      if (this.asked === 'STARTTLS') return type === OPTION_REPLY.ack ? { kind: 'start-tls' } : noTls(payload)
      if (type === OPTION_REPLY.ack) return this.open()
      if (type !== OPTION_REPLY.info) return this.objection(type, said(payload))
      const fault = this.learn(payload)
      if (fault !== null) return failed('EPROTO', fault)
    }
  }

  private learn(payload: Buffer): string | null {
    const fact = payload.length < 2 ? -1 : payload.readUInt16BE(0)
    if (fact === INFO.export) {
      if (payload.length !== 12) return 'a size of the export that is cut off'
      this.size = { bytes: payload.readBigUInt64BE(2), flags: payload.readUInt16BE(10) }
    } else if (fact === INFO.blockSize) {
      this.limits = payload.length === 14 ? limitsSaid(payload.readUInt32BE(2), payload.readUInt32BE(10)) : null
      if (this.limits === null) return 'block sizes that cannot be'
    }
    return null
  }

  private open(): ClientStep {
    if (this.size === null) return failed('EPROTO', 'an export without a size')
    const facts = factsOf(this.size.bytes, this.size.flags, this.limits)
    if (facts === null) return failed('EPROTO', `an export of ${this.size.bytes} bytes, which cannot be`)
    return { kind: 'open', facts }
  }

  private objection(type: number, text: string): ClientStep {
    switch (type) {
      case OPTION_REPLY.unsupported:
        return send(this.choose(false))
      case OPTION_REPLY.unknownExport:
        return failed('EEXPORT', `it has no export ${JSON.stringify(this.wish.exportName)}${text}`)
      case OPTION_REPLY.policy:
        return failed('EACCES', `its policy is against it${text}`)
      case OPTION_REPLY.tlsRequired:
        return failed('ETLS', `it insists on TLS${text}`)
      case OPTION_REPLY.shuttingDown:
        return failed('ESHUTDOWN', `it is shutting down${text}`)
      default:
        return failed('EPROTO', `it answers GO with 0x${type.toString(16)}${text}`)
    }
  }
}

const send = (bytes: Buffer): ClientStep => ({ kind: 'send', bytes })
const failed = (code: NbdRefused, reason: string): ClientStep => ({ kind: 'failed', code, reason })
const noTls = (payload: Buffer): ClientStep => failed('ETLS', `it offers no TLS${said(payload)}`)
/** A server's own words, bounded, on one line. */
const said = (payload: Buffer): string => (payload.length === 0 ? '' : `: ${JSON.stringify(payload.toString('utf8', 0, 200))}`)

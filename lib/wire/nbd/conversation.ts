import { assert } from '../../core/domain/assert'
import { greeting, NbdHandshake, type NbdOffer, type NbdPolicy } from './handshake'
import { Inbox } from './inbox'
import { NbdReplies, REPLY_BYTES_MAX } from './replies'
import { NbdRequests, type NbdRequest } from './requests'

export type NbdEvent =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** `bytes` are sent, then the client begins TLS; nothing is understood before `secured()`. */
  | { readonly kind: 'start-tls'; readonly bytes: Buffer }
  | { readonly kind: 'open'; readonly bytes: Buffer; readonly offer: NbdOffer }
  /** A write has begun; so many bytes will be held until it is a request. */
  | { readonly kind: 'payload'; readonly bytes: number }
  /** `clientCannotFlush`: the client never showed that it knows flush or FUA, so an answered write has to be safe by itself. */
  | { readonly kind: 'request'; readonly request: NbdRequest; readonly clientCannotFlush: boolean }
  /**
   * Nothing more will be understood. `bytes` are sent first. `orderly`: the client said goodbye, what it asked before is
   * still to be answered; otherwise `reason` says what it did wrong.
   */
  | { readonly kind: 'close'; readonly bytes: Buffer; readonly orderly: boolean; readonly reason: string }

/** One connection, seen from the server. Put its bytes into the inbox, then ask for events until there are none. */
export class NbdConversation {
  private readonly handshake: NbdHandshake
  private requests: NbdRequests | null = null
  private clientCannotFlush = false
  private closed = false
  /** Speaks the dialect agreed on. */
  replies = new NbdReplies(false)

  constructor(
    offers: readonly NbdOffer[],
    private readonly inbox = new Inbox(),
    policy?: NbdPolicy,
  ) {
    assert(offers.length > 0, 'a socket offers at least one export')
    this.handshake = new NbdHandshake(offers, policy)
  }

  greeting(): Buffer {
    return greeting()
  }

  /** True once requests may come. */
  get isOpen(): boolean {
    return this.requests !== null && !this.closed
  }

  /** TLS stands; the inbox gets what it carries from now on. */
  secured(): void {
    this.handshake.secured()
  }

  next(): NbdEvent | null {
    if (this.closed) return null
    return this.requests === null ? this.negotiate() : this.serve(this.requests)
  }

  private negotiate(): NbdEvent | null {
    const step = this.handshake.next(this.inbox)
    switch (step?.kind) {
      case undefined:
        return null
      case 'send':
        return step
      case 'start-tls':
        // Whoever is on the wire could have put them there, to be taken for the client's words under TLS.
        return this.inbox.length > 0 ? this.close(Buffer.alloc(0), false, 'bytes that came before TLS') : step
      case 'close':
        return this.close(step.bytes, step.byClient, step.reason)
      case 'chosen': {
        const { bytes, offer, structured, blockStatus } = step
        this.requests = new NbdRequests({ sizeBytes: offer.sizeBytes, readOnly: offer.readOnly, structured, blockStatus })
        this.replies = new NbdReplies(structured)
        this.clientCannotFlush = step.dialect === 'export-name'
        return { kind: 'open', bytes, offer }
      }
    }
  }

  private serve(requests: NbdRequests): NbdEvent | null {
    const step = requests.next(this.inbox)
    switch (step?.kind) {
      case undefined:
        return null
      case 'payload':
        return step
      case 'answered': {
        const bytes = Buffer.alloc(REPLY_BYTES_MAX)
        return { kind: 'send', bytes: bytes.subarray(0, this.replies.putResult(bytes, 0, step.to, step.isRead, step.error)) }
      }
      case 'disconnect':
        return this.close(Buffer.alloc(0), true, 'disconnected by the client')
      case 'garbage':
        return this.close(Buffer.alloc(0), false, step.reason)
      case 'request':
        if (step.request.kind === 'flush' || step.request.fua) this.clientCannotFlush = false
        return { kind: 'request', request: step.request, clientCannotFlush: this.clientCannotFlush }
    }
  }

  private close(bytes: Buffer, orderly: boolean, reason: string): NbdEvent {
    this.closed = true
    return { kind: 'close', bytes, orderly, reason }
  }
}

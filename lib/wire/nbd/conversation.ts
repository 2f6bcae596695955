import { assert } from '../../core/domain/assert'
import { ByteQueue } from '../byte-queue'
import { greeting, NbdHandshake, type NbdOffer } from './handshake'
import { NbdRequests, replyHeader, type NbdRequest } from './requests'

export type NbdEvent =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  | { readonly kind: 'open'; readonly bytes: Buffer; readonly offer: NbdOffer }
  /** `clientCannotFlush`: the client never showed that it knows flush or FUA, so an answered write has to be safe by itself. */
  | { readonly kind: 'request'; readonly request: NbdRequest; readonly clientCannotFlush: boolean }
  /**
   * Nothing more will be understood. `bytes` are sent first. `orderly`: the client said goodbye, what it asked before is
   * still to be answered; otherwise `reason` says what it did wrong.
   */
  | { readonly kind: 'close'; readonly bytes: Buffer; readonly orderly: boolean; readonly reason: string }

/** One connection, seen from the server. Feed it bytes, then ask for events until there are none. */
export class NbdConversation {
  private readonly queue = new ByteQueue()
  private readonly handshake: NbdHandshake
  private requests: NbdRequests | null = null
  private clientCannotFlush = false
  private closed = false

  constructor(offers: readonly NbdOffer[]) {
    assert(offers.length > 0, 'a socket offers at least one export')
    this.handshake = new NbdHandshake(offers)
  }

  greeting(): Buffer {
    return greeting()
  }

  /** True once requests may come. */
  get isOpen(): boolean {
    return this.requests !== null && !this.closed
  }

  feed(chunk: Buffer): void {
    if (!this.closed) this.queue.push(chunk)
  }

  next(): NbdEvent | null {
    if (this.closed) return null
    return this.requests === null ? this.negotiate() : this.serve(this.requests)
  }

  private negotiate(): NbdEvent | null {
    const step = this.handshake.next(this.queue)
    if (step === null || step.kind === 'send') return step
    if (step.kind === 'close') return this.close(step.bytes, step.byClient, step.reason)
    this.requests = new NbdRequests(step.offer.sizeBytes, step.offer.readOnly)
    this.clientCannotFlush = step.dialect === 'export-name'
    return { kind: 'open', bytes: step.bytes, offer: step.offer }
  }

  private serve(requests: NbdRequests): NbdEvent | null {
    const step = requests.next(this.queue)
    switch (step?.kind) {
      case undefined:
        return null
      case 'answered':
        return { kind: 'send', bytes: replyHeader(step.cookie, step.error) }
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

import type { Socket } from 'node:net'
import { assert } from '../../core/domain/assert'
import type { DiskExtents, DiskHandler } from '../../ports/disk-export'
import type { Log } from '../../ports/log'
import { NbdConversation, type NbdEvent } from '../../wire/nbd/conversation'
import type { NbdOffer } from '../../wire/nbd/handshake'
import { Inbox } from '../../wire/nbd/inbox'
import type { Memory } from '../../wire/nbd/slab'
import { InflightShare, type InflightBudget } from './nbd-inflight'
import { Outbox } from './nbd-outbox'
import { readByCopy, readInPlace } from './nbd-read-in-place'
import { NbdService } from './nbd-service'
import { startTls, type NbdTls } from './nbd-tls'

/** What the clients of one export share. */
export interface NbdShared {
  readonly offer: NbdOffer
  readonly handler: DiskHandler
  readonly extents: DiskExtents
  readonly tls: NbdTls | undefined
  readonly budget: InflightBudget
  readonly memory: Memory
  readonly log: Log
  readonly handshakeMs: number
  readonly stallMs: number
  /** A client is sent away because of what it did. */
  readonly misbehaved: (facts: Readonly<Record<string, unknown>>) => void
}

/** A client that asks but does not take its answers is not read from while it owes this much. */
const UNTAKEN_BYTES_MAX = 8 * 1024 * 1024
/** Read though there is no room for it: only who reads learns that the client is gone. */
const READ_AHEAD_BYTES = 16 * 1024

/**
 * One client of an export. Reads only while there is room: of the export for requests, of this client for answers. What a
 * request holds is held until the client has taken the answer.
 */
export class NbdConnection {
  private readonly inbox: Inbox
  private readonly conversation: NbdConversation
  private readonly out: Outbox
  private readonly share: InflightShare
  private readonly handshakeLimit: NodeJS.Timeout
  private socket: Socket
  private service: NbdService | null = null
  /** Size of a write that has begun. It is held already. */
  private receivingBytes: number | null = null
  private pumping = false
  private reading = true
  /** Goes on when there is room. */
  private stopped = false
  /** The client said goodbye: closed as soon as everything is answered. */
  private leaving = false
  private gone = false

  constructor(
    accepted: Socket,
    private readonly shared: NbdShared,
    private readonly number: number,
    private readonly onEnd: () => void,
  ) {
    const { offer, tls, memory, budget } = shared
    this.inbox = new Inbox(memory)
    this.conversation = new NbdConversation([offer], this.inbox, {
      tls: tls === undefined ? 'off' : 'required',
      structured: true,
    })
    this.share = new InflightShare(budget, () => this.pump())
    this.handshakeLimit = setTimeout(() => this.complain('chose no export in time'), shared.handshakeMs)
    const arrived = (): void => this.arrived()
    this.socket = tls === undefined ? readInPlace(accepted, this.inbox, arrived) : readByCopy(accepted, this.inbox, arrived)
    this.out = new Outbox(this.socket, memory, (requests, bytes) => this.taken(requests, bytes))
    this.follow(this.socket)
    this.socket.write(this.conversation.greeting())
    this.socket.resume()
  }

  /** Has chosen the disk. */
  get isOpen(): boolean {
    return this.conversation.isOpen
  }

  end(reason: string): void {
    if (this.gone) return
    this.shared.log.debug('nbd: connection ended', { ...this.facts(), reason })
    this.finish()
    this.socket.destroy()
  }

  complain(reason: string): void {
    if (this.gone) return
    this.out.flush()
    this.shared.misbehaved({ ...this.facts(), reason })
    this.end(reason)
  }

  private follow(socket: Socket): void {
    socket.on('end', () => this.end('the client closed its side'))
    socket.on('error', (error) => this.shared.log.debug('nbd: connection failed', { ...this.facts(), error: error.message }))
    socket.on('close', () => this.finish())
    socket.on('timeout', () => this.stoodStill())
    socket.setTimeout(this.shared.stallMs)
  }

  /** Nothing came and nothing was taken for a while. That is its own affair, unless it holds what others wait for. */
  private stoodStill(): void {
    const isHolding = this.receivingBytes !== null || this.out.untakenBytes > 0
    if (isHolding && this.shared.budget.isWaitedFor)
      this.complain('stopped in the middle of a request or an answer while others wait')
    else this.socket.setTimeout(this.shared.stallMs)
  }

  private arrived(): void {
    // What comes after a goodbye is for nobody.
    if (this.leaving) this.inbox.skip(this.inbox.length)
    else this.pump()
  }

  private pump(): void {
    if (this.pumping || this.gone) return
    this.pumping = true
    while (!this.isOver() && this.inbox.length > 0 && this.mayGoOn()) {
      const event = this.conversation.next()
      if (event === null) break
      this.on(event)
    }
    this.pumping = false
    if (this.isGone()) return
    this.out.flush()
    this.stopped = !this.leaving && this.inbox.length > 0 && !this.mayGoOn()
    this.readOn(!this.stopped || this.inbox.length < READ_AHEAD_BYTES)
    this.leaveWhenAnswered()
  }

  private isGone(): boolean {
    return this.gone
  }

  private isOver(): boolean {
    return this.gone || this.leaving
  }

  private readOn(wanted: boolean): void {
    if (this.reading === wanted) return
    this.reading = wanted
    if (wanted) this.socket.resume()
    else this.socket.pause()
  }

  /** A negotiation needs no room: a client may connect again while the disk is frozen with all it can hold. */
  private mayGoOn(): boolean {
    if (this.receivingBytes !== null || this.service === null) return true
    return this.out.untakenBytes <= UNTAKEN_BYTES_MAX && this.share.hasRoom()
  }

  private on(event: NbdEvent): void {
    switch (event.kind) {
      case 'request':
        this.request(event)
        break
      case 'payload':
        this.share.take(event.bytes)
        this.receivingBytes = event.bytes
        break
      case 'send':
        this.out.data(event.bytes)
        break
      case 'start-tls':
        this.out.data(event.bytes)
        this.secure()
        break
      case 'open':
        this.open(event.bytes)
        break
      case 'close':
        this.out.data(event.bytes)
        if (event.orderly) this.leaving = true
        else this.complain(event.reason)
    }
  }

  private secure(): void {
    const { tls } = this.shared
    assert(tls !== undefined, 'TLS begins where it is offered')
    this.out.flush()
    this.socket.setTimeout(0)
    this.socket.removeAllListeners('data')
    const secured = (socket: Socket): void => {
      if (this.gone) {
        socket.destroy()
        return
      }
      this.follow(socket)
      this.socket = readByCopy(socket, this.inbox, () => this.arrived())
      this.out.redirect(socket)
      this.conversation.secured()
    }
    startTls(this.socket, tls, secured, (reason) => this.complain(`TLS refused: ${reason}`))
  }

  private open(bytes: Buffer): void {
    clearTimeout(this.handshakeLimit)
    this.out.data(bytes)
    const { handler, extents, memory } = this.shared
    this.service = new NbdService(this.conversation.replies, {
      ...{ handler, extents, memory, out: this.out, number: this.number },
      answered: (bytes, lent) => this.answered(bytes, lent),
    })
    this.shared.log.debug('nbd: client connected', this.facts())
  }

  private request({ request, clientCannotFlush }: Extract<NbdEvent, { readonly kind: 'request' }>): void {
    assert(this.service !== null, 'requests come to an open export')
    if (this.receivingBytes === null) this.share.take(heldBytes(request))
    this.receivingBytes = null
    this.shared.budget.unanswered++
    this.service.serve(request, clientCannotFlush)
  }

  private answered(bytes: number, lent: Buffer | null): void {
    this.shared.budget.unanswered--
    if (this.gone) {
      this.share.release(bytes)
      return
    }
    this.out.ends(bytes, lent)
    if (this.pumping) return
    // The last answer waits for nobody; others may be about to be ready as well.
    if (this.service?.inflight === 0) this.out.flush()
    else this.out.flushSoon()
    this.leaveWhenAnswered()
  }

  private taken(requests: number, bytes: number): void {
    this.share.release(bytes, requests)
    if (this.stopped) this.pump()
  }

  private leaveWhenAnswered(): void {
    if (!this.leaving || this.gone || (this.service?.inflight ?? 0) > 0) return
    this.out.flush()
    this.socket.destroySoon()
  }

  private finish(): void {
    if (this.gone) return
    this.gone = true
    clearTimeout(this.handshakeLimit)
    this.share.close()
    this.service?.close()
    if (this.receivingBytes !== null) this.share.release(this.receivingBytes)
    this.out.close()
    this.inbox.close()
    this.onEnd()
  }

  private facts(): { readonly exportName: string; readonly connection: number } {
    return { exportName: this.shared.offer.name, connection: this.number }
  }
}

/** Only these hold memory while they wait. */
const heldBytes = ({ kind, length }: { readonly kind: string; readonly length: number }): number =>
  kind === 'read' || kind === 'write' ? length : 0

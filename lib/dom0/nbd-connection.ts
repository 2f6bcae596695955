import type { Socket } from 'node:net'
import { assert } from '../core/domain/assert'
import type { DiskHandler, DiskReply, DiskRequest } from '../ports/disk-export'
import type { Log } from '../ports/log'
import { NbdConversation, type NbdEvent } from '../wire/nbd/conversation'
import type { NbdOffer } from '../wire/nbd/handshake'
import { replyHeader, type NbdRequest } from '../wire/nbd/requests'
import type { InflightBudget } from './nbd-inflight'

export interface NbdConnectionOptions {
  readonly socket: Socket
  readonly offer: NbdOffer
  readonly handler: DiskHandler
  readonly budget: InflightBudget
  readonly number: number
  readonly log: Log
  readonly handshakeMs: number
  readonly onEnd: () => void
}

/** A client that asks but does not take its answers is not read from while it owes this much. */
const UNTAKEN_BYTES_MAX = 8 * 1024 * 1024
/** Only these hold memory while they wait. */
const PAYLOAD_KINDS: ReadonlySet<string> = new Set(['read', 'write'])

/**
 * One client of an export. Reads only while there is room (of the export for requests, of this socket for answers); answers
 * that become ready together leave together.
 */
export class NbdConnection {
  private readonly conversation: NbdConversation
  private readonly wake = (): void => this.pump()
  private readonly handshakeLimit: NodeJS.Timeout
  private inflight = 0
  private corked = false
  private pumping = false
  /** The client said goodbye: closed as soon as everything is answered. */
  private leaving = false
  private gone = false

  constructor(private readonly options: NbdConnectionOptions) {
    const { socket, offer, handshakeMs } = options
    this.conversation = new NbdConversation([offer])
    this.handshakeLimit = setTimeout(() => this.complain('nbd: client chose no export in time'), handshakeMs)
    socket.on('data', (chunk: Buffer) => {
      this.conversation.feed(chunk)
      this.pump()
    })
    socket.on('drain', this.wake)
    socket.on('end', () => this.end('the client closed its side'))
    socket.on('error', (error) => options.log.debug('nbd: connection failed', { ...this.facts(), error: error.message }))
    socket.on('close', () => this.finish())
    socket.write(this.conversation.greeting())
  }

  end(reason: string): void {
    if (this.gone) return
    this.options.log.debug('nbd: connection ended', { ...this.facts(), reason })
    this.finish()
    this.options.socket.destroy()
  }

  private pump(): void {
    if (this.pumping) return
    this.pumping = true
    while (!this.gone && !this.leaving && this.hasRoom()) {
      const event = this.conversation.next()
      if (event === null) break
      this.on(event)
    }
    this.pumping = false
    if (this.gone) return
    if (this.leaving || this.hasRoom()) this.options.socket.resume()
    else this.options.socket.pause()
  }

  /** A negotiation needs none: a client may connect again while the disk is frozen with all it can hold. */
  private hasRoom(): boolean {
    const { budget, socket } = this.options
    if (this.conversation.isOpen && budget.isFull) {
      budget.wait(this.wake)
      return false
    }
    return !(socket.writableNeedDrain && socket.writableLength > UNTAKEN_BYTES_MAX)
  }

  private on(event: NbdEvent): void {
    if (event.kind === 'request') {
      this.ask(event.request, event.clientCannotFlush)
      return
    }
    this.send(event.bytes)
    if (event.kind === 'open') {
      clearTimeout(this.handshakeLimit)
      this.options.log.debug('nbd: client connected', this.facts())
    } else if (event.kind === 'close' && event.orderly) {
      this.leaving = true
      this.leaveWhenAnswered()
    } else if (event.kind === 'close') {
      this.complain(`nbd: client closed for ${event.reason}`)
    }
  }

  private ask(request: NbdRequest, clientCannotFlush: boolean): void {
    const { handler, budget, number } = this.options
    const asked: DiskRequest = {
      offset: 0,
      length: 0,
      punch: request.kind === 'trim',
      ...request,
      fua: request.fua || (clientCannotFlush && request.kind !== 'read'),
      durable: clientCannotFlush,
      connection: number,
    }
    const bytes = PAYLOAD_KINDS.has(asked.kind) ? asked.length : 0
    let answered = false
    this.inflight++
    budget.take(bytes)
    handler(asked, (result) => {
      assert(!answered, 'a disk request is answered once')
      answered = true
      this.inflight--
      if (!this.gone) this.answer(asked, request.cookie, result)
      budget.release(bytes)
      this.leaveWhenAnswered()
    })
  }

  private answer(asked: DiskRequest, cookie: bigint, { error, data }: DiskReply): void {
    this.send(replyHeader(cookie, error))
    if (asked.kind !== 'read' || error !== 0) return
    assert(data?.length === asked.length, 'a read that went well is answered with what was asked for')
    this.send(data)
  }

  private send(bytes: Buffer): void {
    const { socket } = this.options
    if (bytes.length === 0) return
    if (!this.corked) {
      this.corked = true
      socket.cork()
      process.nextTick(() => {
        this.corked = false
        socket.uncork()
      })
    }
    socket.write(bytes)
  }

  private leaveWhenAnswered(): void {
    if (this.leaving && this.inflight === 0 && !this.gone) this.options.socket.destroySoon()
  }

  private complain(text: string): void {
    this.options.log.warn(text, this.facts())
    this.end(text)
  }

  private finish(): void {
    if (this.gone) return
    this.gone = true
    clearTimeout(this.handshakeLimit)
    this.options.budget.forget(this.wake)
    this.options.onEnd()
  }

  private facts(): { readonly exportName: string; readonly connection: number } {
    return { exportName: this.options.offer.name, connection: this.options.number }
  }
}

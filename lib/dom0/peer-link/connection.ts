import { Inbox } from '../../wire/nbd/inbox'
import type { Memory, Slab } from '../../wire/nbd/slab'
import type { Envelope } from '../../wire/peer-envelope'
import { PeerDecoder } from '../../wire/peer-decode'
import { codeOf } from '../system/system-error'
import { FrameOutbox } from './frame-outbox'
import type { LinkTimes } from './times'
import type { OpenPipe, Pipe } from './pipe'
import type { Transport } from './transport'

export interface ConnectionListener {
  /** `memory` holds the frame's data, if it has any; see PeerDecoder. */
  envelope(envelope: Envelope, connection: PeerConnection, memory: Slab | null): void
  gone(reason: string, connection: PeerConnection): void
}

/** What the connections of one end have in common. */
export interface ConnectionParts {
  readonly transport: Transport
  readonly times: LinkTimes
  readonly memory: Memory
}

/** A socket that is to be closed after its last words is given so long to say them. */
const LAST_WORDS_MS = 1000

/** One authenticated connection, as frames. Says whether the other side still answers on it. */
export class PeerConnection {
  /** Who is told; a connection is handed on from the one that greets to its link. */
  listener: ConnectionListener
  private readonly times: LinkTimes
  private readonly inbox: Inbox
  private readonly decoder: PeerDecoder
  private readonly pipe: Pipe
  private readonly outbox: FrameOutbox
  private heard: number
  private answeringSince: number
  private pinged: number | null = null
  private closed = false
  private failure = 'closed by the other side'

  constructor(
    open: OpenPipe,
    /** Position of its address in the list of addresses: lower is better. */
    readonly rank: number,
    readonly address: string,
    { times, memory }: ConnectionParts,
    listener: ConnectionListener,
  ) {
    this.listener = listener
    this.times = times
    this.heard = this.answeringSince = performance.now()
    this.inbox = new Inbox(memory)
    this.decoder = new PeerDecoder(this.inbox)
    this.pipe = open(this.inbox, () => this.arrived())
    this.outbox = new FrameOutbox(this.pipe, memory)
    const { socket } = this.pipe
    socket.setNoDelay(true)
    socket.on('error', (error) => (this.failure = codeOf(error) || error.message))
    socket.on('end', () => this.close(this.failure))
    socket.on('close', () => this.finish(this.failure))
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** When anything last came, on performance.now()'s clock. */
  get heardAt(): number {
    return this.heard
  }

  send(envelope: Envelope): void {
    if (!this.closed) this.outbox.send(envelope)
  }

  isAnswering(now: number): boolean {
    return this.pinged === null || now - this.heard < this.times.silent
  }

  hasAnsweredFor(now: number): number {
    return now - this.answeringSince
  }

  needsPing(now: number): boolean {
    return this.pinged === null && now - this.heard >= this.times.idle
  }

  pingedAt(now: number): void {
    this.pinged = now
  }

  /** This process stood still for `ms`: what the other side sent meanwhile may not have been read yet. */
  forgive(ms: number): void {
    this.heard += ms
  }

  /** Frames sent before still leave, if the other side takes them soon. Not again after the first time. */
  close(reason: string): void {
    if (this.closed) return
    const { socket } = this.pipe
    const limit = setTimeout(() => socket.destroy(), LAST_WORDS_MS)
    socket.once('close', () => clearTimeout(limit))
    this.outbox.close(true)
    this.pipe.close()
    this.finish(reason)
  }

  /** The other side does not answer: no last words. */
  drop(reason: string): void {
    this.pipe.socket.destroy()
    this.finish(reason)
  }

  private finish(reason: string): void {
    if (this.closed) return
    this.closed = true
    this.outbox.close(false)
    this.inbox.close()
    this.listener.gone(reason, this)
  }

  private arrived(): void {
    if (this.closed) {
      // Nobody is there to understand it; a socket that still says its last words is still read from.
      this.inbox.skip(this.inbox.length)
      return
    }
    const now = performance.now()
    if (!this.isAnswering(now)) this.answeringSince = now
    this.heard = now
    this.pinged = null
    for (let next = this.decoder.next(); next !== null; next = this.decoder.next()) {
      if ('fault' in next) {
        this.close(`${next.fault}: ${next.reason}`)
        return
      }
      this.listener.envelope(next, this, this.decoder.memory)
      if (this.isClosed) return
    }
  }
}

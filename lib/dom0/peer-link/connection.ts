import type { Socket } from 'node:net'
import type { Envelope } from '../../wire/peer-envelope'
import { PeerDecoder } from '../../wire/peer-decode'
import { encodeEnvelope } from '../../wire/peer-encode'
import { codeOf } from '../system-error'
import type { LinkTimes } from './times'

export interface ConnectionListener {
  envelope(envelope: Envelope, connection: PeerConnection): void
  gone(reason: string, connection: PeerConnection): void
}

/** A socket that is to be closed after its last words is given so long to say them. */
const LAST_WORDS_MS = 1000

/** One authenticated connection, as frames. Says whether the other side still answers on it. */
export class PeerConnection {
  /** Who is told; a connection is handed on from the one that greets to its link. */
  listener: ConnectionListener
  private readonly decoder = new PeerDecoder()
  private heard: number
  private answeringSince: number
  private pinged: number | null = null
  private corked = false
  private closed = false
  private failure = 'closed by the other side'

  constructor(
    private readonly socket: Socket,
    /** Position of its address in the list of addresses: lower is better. */
    readonly rank: number,
    readonly address: string,
    private readonly times: LinkTimes,
    listener: ConnectionListener,
  ) {
    this.listener = listener
    this.heard = this.answeringSince = performance.now()
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.understand(chunk))
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
    if (this.closed) return
    if (!this.corked) {
      this.corked = true
      this.socket.cork()
      process.nextTick(() => {
        this.corked = false
        this.socket.uncork()
      })
    }
    const [header, payload] = encodeEnvelope(envelope)
    this.socket.write(header)
    if (payload.length > 0) this.socket.write(payload)
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
    const limit = setTimeout(() => this.socket.destroy(), LAST_WORDS_MS)
    this.socket.once('close', () => clearTimeout(limit))
    this.socket.destroySoon()
    this.finish(reason)
  }

  /** The other side does not answer: no last words. */
  drop(reason: string): void {
    this.socket.destroy()
    this.finish(reason)
  }

  private finish(reason: string): void {
    if (this.closed) return
    this.closed = true
    this.listener.gone(reason, this)
  }

  private understand(chunk: Buffer): void {
    if (this.closed) return
    const now = performance.now()
    if (!this.isAnswering(now)) this.answeringSince = now
    this.heard = now
    this.pinged = null
    this.decoder.feed(chunk)
    for (let next = this.decoder.next(); next !== null; next = this.decoder.next()) {
      if ('fault' in next) {
        this.close(`${next.fault}: ${next.reason}`)
        return
      }
      this.listener.envelope(next, this)
      if (this.isClosed) return
    }
  }
}

import { assert } from '../../core/domain/assert'
import type { Log } from '../../ports/log'
import type { PeerLink, PeerLinkEvents } from '../../ports/peer-link'
import { isPositioned, type Envelope, type LinkFrame } from '../../wire/peer-envelope'
import type { PeerFrame } from '../../wire/peer'
import type { Slab } from '../../wire/nbd/slab'
import { ReceiveWindow, SendWindow, type Sent } from '../../wire/peer-window'
import type { ConnectionListener, PeerConnection } from './connection'
import type { LinkTimes } from './times'

export interface LinkOptions {
  readonly session: number
  readonly events: PeerLinkEvents
  readonly times: LinkTimes
  readonly log: Log
  /** The link is over; called before `down` is told. */
  readonly onEnd: () => void
}

/** The other side confirms within a round trip; so much unconfirmed means that it does not read any more. */
const UNCONFIRMED_BYTES_MAX = 256 * 1024 * 1024
/** Received frames are confirmed by whatever goes the other way, or at the latest after so many bytes or milliseconds. */
const CONFIRM_AFTER_BYTES = 256 * 1024
const CONFIRM_AFTER_MS = 10
/** bye carries a sentence, not a page. */
const REASON_LENGTH_MAX = 500

/**
 * One ordered stream in each direction over any number of connections. All frames go over one connection, the carrier; when it
 * falls silent or closes, what the other side has not confirmed is said again on another, and what came twice is dropped.
 */
export class Link implements PeerLink, ConnectionListener {
  private readonly connections = new Set<PeerConnection>()
  private readonly sending = new SendWindow()
  private readonly receiving = new ReceiveWindow()
  private readonly ticker: NodeJS.Timeout
  private carrier: PeerConnection | null = null
  private unconfirmedIn = 0
  private confirmSoon: NodeJS.Timeout | null = null
  private heardAt = performance.now()
  private tickedAt = performance.now()
  private over = false

  constructor(private readonly options: LinkOptions) {
    this.ticker = setInterval(() => this.tick(), options.times.tick)
  }

  get session(): number {
    return this.options.session
  }

  get isOver(): boolean {
    return this.over
  }

  get hasConnection(): boolean {
    return this.connections.size > 0
  }

  get queuedBytes(): number {
    return this.sending.unconfirmedBytes
  }

  /** The connection is welcomed: it belongs to this link from now on. */
  attach(connection: PeerConnection): void {
    assert(!this.over, 'a connection joins a living link')
    connection.listener = this
    this.connections.add(connection)
    this.heardAt = performance.now()
    this.chooseCarrier(this.heardAt)
  }

  send(frame: PeerFrame): void {
    assert(isPositioned(frame), 'hello, welcome and refuse belong to the connection')
    if (this.over) return
    const sent = this.sending.add(frame)
    if (this.carrier !== null) this.carry(sent, this.carrier)
    if (this.sending.unconfirmedBytes > UNCONFIRMED_BYTES_MAX) this.endSoon('the other side does not read')
  }

  close(reason: string): void {
    this.endSoon(reason)
  }

  /** Ends the link on every connection and tells `down`, now. */
  end(reason: string): void {
    if (this.over) return
    this.stop(reason)
    this.options.events.down(reason)
  }

  envelope(envelope: Envelope, connection: PeerConnection, memory: Slab | null): void {
    if (this.over) return
    const { frame, position, received, session } = envelope
    this.heardAt = connection.heardAt
    if (session !== this.session) connection.close('a frame of another link')
    else if (!this.sending.confirm(received)) connection.close('it confirms what was never sent')
    else if (frame.type === 'bye') this.end(`the other side ended it: ${frame.reason}`)
    else if (frame.type === 'link-ping') this.tellLink({ type: 'link-ack' }, connection)
    else if (isPositioned(frame)) this.accept(frame, position, connection, memory)
  }

  gone(reason: string, connection: PeerConnection): void {
    this.connections.delete(connection)
    if (this.over) return
    this.options.log.info('peer link: connection lost', { address: connection.address, reason })
    if (this.carrier === connection) this.carrier = null
    this.chooseCarrier(performance.now())
  }

  private accept(frame: PeerFrame, position: number, connection: PeerConnection, memory: Slab | null): void {
    const verdict = this.receiving.accept(position)
    if (verdict === 'gap') {
      this.end(`frame ${position} came after ${this.receiving.received}`)
      return
    }
    this.unconfirmedIn += 64 + ('data' in frame ? frame.data.length : 0)
    if (this.unconfirmedIn >= CONFIRM_AFTER_BYTES) this.tellLink({ type: 'link-ack' }, connection)
    else this.confirmSoon ??= setTimeout(() => this.confirmNow(), CONFIRM_AFTER_MS)
    if (verdict === 'deliver') this.options.events.frame(frame, this, memory)
    else memory?.giveBack(true)
  }

  private confirmNow(): void {
    this.confirmSoon = null
    if (this.unconfirmedIn > 0 && this.carrier !== null) this.tellLink({ type: 'link-ack' }, this.carrier)
  }

  private tellLink(frame: LinkFrame, connection: PeerConnection): void {
    this.unconfirmedIn = 0
    connection.send({ session: this.session, resume: false, position: 0, received: this.receiving.received, frame })
  }

  private carry({ position, frame }: Sent, connection: PeerConnection): void {
    this.unconfirmedIn = 0
    connection.send({ session: this.session, resume: false, position, received: this.receiving.received, frame })
  }

  private tick(): void {
    const now = performance.now()
    const late = now - this.tickedAt - this.options.times.tick
    this.tickedAt = now
    if (late > 2 * this.options.times.tick) {
      this.heardAt += late
      for (const connection of this.connections) connection.forgive(late)
    }
    if (now - this.heardAt > this.options.times.downAfter) {
      this.end(`nothing was heard for ${this.options.times.downAfter} ms`)
      return
    }
    for (const connection of this.connections) {
      if (now - connection.heardAt > this.options.times.downAfter) connection.drop('silent')
      else if (connection.needsPing(now)) {
        connection.pingedAt(now)
        this.tellLink({ type: 'link-ping' }, connection)
      }
    }
    this.chooseCarrier(now)
  }

  /** Stays where it is while that answers, unless a better one has answered for a while. */
  private chooseCarrier(now: number): void {
    const answering = [...this.connections].filter((connection) => connection.isAnswering(now))
    const stays = this.carrier !== null && (answering.includes(this.carrier) || answering.length === 0)
    const from = stays ? answering.filter((connection) => this.isWorthMoving(connection, now)) : answering
    const best = [...(from.length === 0 && !stays ? this.connections : from)].sort((a, b) => a.rank - b.rank)[0]
    if (best === undefined || best === this.carrier) return
    // Several connections of one address: there is nothing to tell.
    if (this.carrier !== null && this.carrier.address !== best.address) {
      this.options.log.info('peer link: moved', { from: this.carrier.address, to: best.address })
    }
    this.carrier = best
    for (const sent of this.sending.toRepeat()) this.carry(sent, best)
  }

  private isWorthMoving(connection: PeerConnection, now: number): boolean {
    return (
      this.carrier !== null && connection.rank < this.carrier.rank && connection.hasAnsweredFor(now) >= this.options.times.settle
    )
  }

  /** `down` is told a moment later, so that whoever calls send() or close() is not called back meanwhile. */
  private endSoon(reason: string): void {
    if (this.over) return
    this.stop(reason)
    queueMicrotask(() => this.options.events.down(reason))
  }

  private stop(reason: string): void {
    this.over = true
    clearInterval(this.ticker)
    if (this.confirmSoon !== null) clearTimeout(this.confirmSoon)
    const now = performance.now()
    for (const connection of this.connections) {
      this.tellLink({ type: 'bye', reason: reason.slice(0, REASON_LENGTH_MAX) }, connection)
      if (connection.isAnswering(now)) connection.close(reason)
      else connection.drop(reason)
    }
    this.options.onEnd()
  }
}

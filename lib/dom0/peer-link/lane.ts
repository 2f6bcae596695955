import type { Socket } from 'node:net'
import type { Envelope } from '../../wire/peer-envelope'
import { codeOf } from '../system/system-error'
import { PeerConnection, type ConnectionListener, type ConnectionParts } from './connection'
import type { QuietWarnings } from './quiet-warnings'

export interface LaneOptions {
  readonly address: string
  readonly port: number
  readonly rank: number
  readonly parts: ConnectionParts
  readonly warnings: QuietWarnings
  readonly hello: () => Envelope
  /** The first thing that was said on a connection. */
  readonly onAnswer: (envelope: Envelope, connection: PeerConnection, lane: Lane) => void
  /** An attempt failed; another one follows by itself. */
  readonly onLost: () => void
}

/** One address of the other side, dialled again and again. */
export class Lane implements ConnectionListener {
  private socket: Socket | null = null
  private limit: NodeJS.Timeout | null = null
  private again: NodeJS.Timeout | null = null
  private backoffMs: number
  private failure = ''
  private isWelcome = false
  private refused = false
  private closed = false

  constructor(private readonly options: LaneOptions) {
    this.backoffMs = options.parts.times.backoffMin
  }

  /** The last attempt found nobody listening. */
  get isRefused(): boolean {
    return this.refused
  }

  dial(): void {
    const { address, port, rank, parts, hello } = this.options
    const socket = parts.transport.dial(address, port, {
      proven: (open) => new PeerConnection(open, rank, address, parts, this).send(hello()),
      failed: (why) => (this.failure = why),
    })
    this.failure = 'closed before the welcome'
    this.socket = socket
    this.isWelcome = false
    this.limit = setTimeout(() => {
      this.failure = 'no welcome in time'
      socket.destroy()
    }, parts.times.attempt)
    socket.on('error', (error: Error) => (this.failure = codeOf(error) || error.message))
    socket.once('connect', () => (this.refused = false))
    socket.once('close', () => this.lost())
  }

  envelope(envelope: Envelope, connection: PeerConnection): void {
    this.options.onAnswer(envelope, connection, this)
  }

  /** The socket's end, which follows, says the same of those that never came so far. */
  gone(reason: string): void {
    this.failure = reason
  }

  /** The connection belongs to a link, which ends it. */
  welcomed(): void {
    this.isWelcome = true
    this.backoffMs = this.options.parts.times.backoffMin
    this.stopLimit()
  }

  slowDown(): void {
    this.backoffMs = this.options.parts.times.backoffMax
  }

  close(): void {
    this.closed = true
    this.stopLimit()
    if (this.again !== null) clearTimeout(this.again)
    if (!this.isWelcome) this.socket?.destroy()
  }

  private lost(): void {
    const { failure } = this
    const { address, port, parts, warnings, onLost } = this.options
    this.stopLimit()
    if (this.closed) return
    this.refused = failure === 'ECONNREFUSED'
    if (!this.isWelcome) warnings.warn(address, 'peer link: cannot connect', { address, port, error: failure })
    this.again = setTimeout(() => this.dial(), this.backoffMs)
    this.backoffMs = Math.min(2 * this.backoffMs, parts.times.backoffMax)
    onLost()
  }

  private stopLimit(): void {
    if (this.limit !== null) clearTimeout(this.limit)
    this.limit = null
  }
}

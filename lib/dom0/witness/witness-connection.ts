import type { TLSSocket } from 'node:tls'
import type { ClaimAnswer, ClaimRequest } from '../../core/domain/claim-request'
import type { Log } from '../../ports/log'
import { CLAIMS_LINE_BYTES_MAX, CLAIMS_PROTOCOL, decodeFromWitness, encodeClaimsLine } from '../../wire/claims'
import { LineSplitter } from '../../wire/lines'
import { hostAndPort } from '../socket/host-and-port'
import { connectTlsPsk } from '../socket/tls-psk'

export interface ConnectionOptions {
  readonly address: string
  readonly pool: string
  readonly key: Buffer
  readonly client: string
  readonly log: Log
}

export interface ConnectionEvents {
  up(): void
  answer(id: number, answer: ClaimAnswer): void
  /** Nothing is known about requests that were sent and not answered. */
  down(why: string): void
}

const RETRY_FIRST_MS = 100
const RETRY_LAST_MS = 1000
/** A connection on which something was asked and nothing came for so long is replaced. */
const SILENT_MS = 1000
const CHECK_EVERY_MS = 250
/** Our own number of a question that nobody waits for; requests are counted from 1. */
const PING_ID = 0

/** One connection to the witness, made again whenever it ends. */
export class WitnessConnection {
  private readonly target: { host: string; port: number }
  private socket: TLSSocket | null = null
  private up = false
  private closed = false
  private retryMs = RETRY_FIRST_MS
  private retryTimer: NodeJS.Timeout | undefined
  private readonly checkTimer: NodeJS.Timeout
  private lastHeardMs = -Infinity
  /** When the oldest question was asked after which nothing was heard; null: none. */
  private silentSinceMs: number | null = null
  private lastTrouble = 'not connected yet'
  private saidTrouble = ''
  private name: string | null = null

  constructor(
    private readonly options: ConnectionOptions,
    private readonly events: ConnectionEvents,
  ) {
    this.target = hostAndPort(options.address)
    this.checkTimer = setInterval(() => this.check(), CHECK_EVERY_MS)
    this.connect()
  }

  /** As it called itself; null before it has. */
  get witness(): string | null {
    return this.name
  }

  get reachable(): boolean {
    return this.up || performance.now() - this.lastHeardMs < SILENT_MS
  }

  /** Why there is no connection, for the log and the operator. */
  get trouble(): string {
    return `${this.options.address}: ${this.lastTrouble}`
  }

  /** False: there is no connection now. */
  ask(id: number, ask: ClaimRequest): boolean {
    if (!this.up || this.socket === null) return false
    this.silentSinceMs ??= performance.now()
    this.socket.write(encodeClaimsLine({ type: 'ask', id, ask }))
    return true
  }

  close(): void {
    this.closed = true
    clearTimeout(this.retryTimer)
    clearInterval(this.checkTimer)
    this.socket?.destroy()
  }

  private connect(): void {
    const { pool, key, client } = this.options
    const socket = connectTlsPsk(this.target.host, this.target.port, { pool, key })
    this.socket = socket
    this.silentSinceMs = performance.now()
    const lines = new LineSplitter(CLAIMS_LINE_BYTES_MAX)
    socket.setNoDelay(true)
    socket.once('secureConnect', () => {
      socket.write(encodeClaimsLine({ type: 'hello', protocol: CLAIMS_PROTOCOL, pool, client }))
    })
    socket.on('error', (error: Error) => (this.lastTrouble = error.message))
    socket.once('close', () => this.ended())
    socket.on('data', (chunk: Buffer) => {
      const whole = lines.push(chunk)
      if (whole === 'too-long') this.abandon('the witness sent a line that is too long')
      else for (const line of whole) this.line(line)
    })
  }

  private line(text: string): void {
    if (this.socket?.destroyed !== false) return
    const message = decodeFromWitness(text)
    this.lastHeardMs = performance.now()
    this.silentSinceMs = null
    if (message.type === 'garbled') this.abandon(`the witness is not understood: ${message.text}`)
    else if (message.type === 'refuse') this.abandon(`the witness refused: ${message.text}`)
    else if (message.type === 'hello') this.greeted(message.witness)
    else if (message.id !== PING_ID) this.events.answer(message.id, message.answer)
  }

  private greeted(witness: string): void {
    // It would call every claim of ours gone, and a holder whose claim is gone stops its VM.
    if (this.name !== null && this.name !== witness) {
      this.lastHeardMs = -Infinity
      this.abandon(`witness ${witness} answers instead of ${this.name}, and does not know its claims`)
      return
    }
    if (this.saidTrouble !== '') this.options.log.info('the witness answers again', { address: this.options.address })
    this.saidTrouble = ''
    this.name = witness
    this.up = true
    this.retryMs = RETRY_FIRST_MS
    this.lastTrouble = 'the connection ended'
    this.events.up()
  }

  private check(): void {
    if (this.isSilent()) {
      // When this process stood still, timers come before what arrived meanwhile.
      setImmediate(() => {
        if (this.isSilent()) this.abandon(`no answer for ${SILENT_MS} ms`)
      })
    } else if (this.up && performance.now() - this.lastHeardMs > SILENT_MS) this.ask(PING_ID, { op: 'ping' })
  }

  private isSilent(): boolean {
    return this.silentSinceMs !== null && performance.now() - this.silentSinceMs > SILENT_MS
  }

  private abandon(why: string): void {
    this.lastTrouble = why
    this.socket?.destroy()
  }

  private ended(): void {
    this.socket = null
    this.up = false
    this.silentSinceMs = null
    this.events.down(this.trouble)
    if (this.closed) return
    if (this.saidTrouble !== this.lastTrouble) this.options.log.warn('the witness does not answer', { trouble: this.trouble })
    this.saidTrouble = this.lastTrouble
    this.retryTimer = setTimeout(() => this.connect(), this.retryMs)
    this.retryMs = Math.min(RETRY_LAST_MS, this.retryMs * 2)
  }
}

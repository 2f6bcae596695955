import { randomInt } from 'node:crypto'
import type { Log } from '../../ports/log'
import type { PeerDial, PeerEndpoint } from '../../ports/peer-connect'
import type { Envelope } from '../../wire/peer-envelope'
import { BufferPool } from '../nbd/buffer-pool'
import type { NativeTls } from '../socket/native-tls'
import type { PoolSecret } from '../socket/tls-psk'
import type { PeerConnection } from './connection'
import { Lane } from './lane'
import { Link } from './link'
import { QuietWarnings } from './quiet-warnings'
import { IDLE_BYTES_MAX, LINK_TIMES, TRIM_EVERY_MS, type LinkTimes } from './times'
import { transportOf, type LinkSecurity } from './transport'

export interface ConnectOptions extends PeerDial {
  readonly secret: PoolSecret
  /** Default: tls. */
  readonly security?: LinkSecurity
  /** Null: Node's TLS. Default: the addon, if there is one. */
  readonly native?: NativeTls | null
  readonly log: Log
  readonly times?: LinkTimes
}

/** The primary's side: keeps one connection per address, and one link over them. Throws `EPLAINTEXT`; see LinkSecurity. */
export function connectPeer(options: ConnectOptions): PeerEndpoint {
  const dialer = new PeerDialer(options)
  return {
    port: options.port,
    close: (reason) => {
      dialer.close(reason)
      return Promise.resolve()
    },
  }
}

class PeerDialer {
  private readonly lanes: readonly Lane[]
  private readonly times: LinkTimes
  private readonly memory = new BufferPool(IDLE_BYTES_MAX)
  private readonly trimmer: NodeJS.Timeout
  private session = newSession()
  private linkId: number
  private link: Link | null = null
  private closed = false

  constructor(private readonly options: ConnectOptions) {
    const { addresses, port, secret, log, security = 'tls', native } = options
    this.times = options.times ?? LINK_TIMES
    const transport = transportOf(
      security,
      { secret, memory: this.memory, ...(native === undefined ? {} : { native }) },
      addresses,
    )
    const parts = { transport, times: this.times, memory: this.memory }
    this.linkId = options.hello.linkId
    const warnings = new QuietWarnings(log)
    this.lanes = addresses.map(
      (address, rank) =>
        new Lane({
          ...{ address, port, rank, warnings, parts },
          hello: () => ({
            ...{ session: this.session, resume: this.link !== null, position: 0, received: 0 },
            frame: { type: 'hello', hello: { ...options.hello, linkId: this.linkId } },
          }),
          onAnswer: (envelope, connection, lane) => this.onAnswer(envelope, connection, lane),
          onLost: () => this.onLost(),
        }),
    )
    this.trimmer = setInterval(() => this.memory.trim(), TRIM_EVERY_MS)
    for (const lane of this.lanes) lane.dial()
  }

  close(reason: string): void {
    this.closed = true
    clearInterval(this.trimmer)
    for (const lane of this.lanes) lane.close()
    this.link?.close(reason)
  }

  private onAnswer({ frame, session }: Envelope, connection: PeerConnection, lane: Lane): void {
    if (session !== this.session) connection.close('an answer to an older link')
    else if (frame.type === 'refuse') {
      lane.slowDown()
      connection.close(`refused: ${frame.refuse.code}`)
      this.options.onRefused(frame.refuse)
    } else if (frame.type === 'bye') {
      connection.close(frame.reason)
      this.link?.end(`the other side ended it: ${frame.reason}`)
    } else if (frame.type === 'welcome') {
      lane.welcomed()
      const isFirst = this.link === null
      this.link ??= this.newLink()
      const { link } = this
      link.attach(connection)
      if (!isFirst) return
      this.options.log.info('peer link: up', { address: connection.address, linkId: this.linkId })
      this.options.events.up(link)
      if (!link.isOver) this.options.events.frame(frame, link, null)
    } else connection.close(`${frame.type} instead of a welcome`)
  }

  private newLink(): Link {
    const { session, times } = this
    const { events, log } = this.options
    const onEnd = (): void => {
      this.link = null
      this.session = newSession()
      this.linkId++
    }
    return new Link({ session, events, times, log, onEnd })
  }

  /** Nobody listens on any address, so the other side's process is gone: no need to wait for silence. */
  private onLost(): void {
    if (this.closed || this.link === null || this.link.hasConnection) return
    if (this.lanes.every((lane) => lane.isRefused)) this.link.end('refused on every address')
  }
}

const newSession = (): number => randomInt(1, 2 ** 32)

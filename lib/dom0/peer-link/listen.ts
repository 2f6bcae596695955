import type { Server } from 'node:net'
import type { Log } from '../../ports/log'
import type { PeerEndpoint, PeerListen } from '../../ports/peer-connect'
import type { Hello, Welcome } from '../../wire/peer'
import type { Envelope, WireFrame } from '../../wire/peer-envelope'
import { codeOf } from '../system/system-error'
import { BufferPool } from '../nbd/buffer-pool'
import type { NativeTls } from '../socket/native-tls'
import type { PoolSecret } from '../socket/tls-psk'
import { PeerConnection, type ConnectionListener } from './connection'
import { Link } from './link'
import type { OpenPipe } from './pipe'
import { QuietWarnings } from './quiet-warnings'
import { IDLE_BYTES_MAX, LINK_TIMES, TRIM_EVERY_MS, type LinkTimes } from './times'
import { transportOf, type LinkSecurity, type Transport } from './transport'

export interface ListenOptions extends PeerListen {
  readonly secret: PoolSecret
  /** Default: tls. */
  readonly security?: LinkSecurity
  /** Null: Node's TLS. Default: the addon, if there is one. */
  readonly native?: NativeTls | null
  readonly log: Log
  readonly times?: LinkTimes
}

interface Current {
  readonly link: Link
  readonly hello: Hello
  readonly welcome: Welcome
}

/** More than a primary's connections and their successors is somebody's mistake. */
const CONNECTIONS_MAX = 32
/** An address that is not there yet (its link is being set up) is tried again. */
const RETRY_MS = 1000

/**
 * The secondary's side. Resolves when at least one address is listened on; the others are tried until they can be. Rejects with
 * the system's error when none can, or with `EPLAINTEXT`; see LinkSecurity.
 */
export async function listenPeer(options: ListenOptions): Promise<PeerEndpoint> {
  const listener = new PeerListener(options)
  return listener.start()
}

class PeerListener implements ConnectionListener {
  private readonly servers = new Map<number, Server>()
  private readonly greeting = new Set<PeerConnection>()
  private readonly limits = new Map<PeerConnection, NodeJS.Timeout>()
  private readonly warnings: QuietWarnings
  private readonly times: LinkTimes
  private readonly transport: Transport
  private readonly memory = new BufferPool(IDLE_BYTES_MAX)
  private readonly trimmer: NodeJS.Timeout
  private current: Current | null = null
  private retry: NodeJS.Timeout | null = null
  private port: number
  private closed = false

  constructor(private readonly options: ListenOptions) {
    this.times = options.times ?? LINK_TIMES
    this.warnings = new QuietWarnings(options.log)
    this.port = options.port
    const { security = 'tls', secret, addresses, native } = options
    this.transport = transportOf(
      security,
      { secret, memory: this.memory, ...(native === undefined ? {} : { native }) },
      addresses,
    )
    this.trimmer = setInterval(() => this.memory.trim(), TRIM_EVERY_MS)
  }

  async start(): Promise<PeerEndpoint> {
    const failures = await this.listenWherePossible()
    if (this.servers.size === 0) {
      clearInterval(this.trimmer)
      throw failures[0] ?? new Error('no address to listen on')
    }
    return { port: this.port, close: (reason) => this.close(reason) }
  }

  private async listenWherePossible(): Promise<Error[]> {
    const failures: Error[] = []
    for (const [rank, address] of this.options.addresses.entries()) {
      if (this.servers.has(rank) || this.closed) continue
      try {
        await this.listen(rank, address)
      } catch (error) {
        const code = codeOf(error)
        if (code === '') throw error
        this.warnings.warn(address, 'peer link: cannot listen', { address, port: this.port, error: code })
        failures.push(Object.assign(new Error(`cannot listen on ${address}, port ${this.port}: ${code}`), { code }))
      }
    }
    if (failures.length > 0 && this.servers.size > 0 && !this.closed) {
      this.retry = setTimeout(() => void this.listenWherePossible(), RETRY_MS)
    }
    return failures
  }

  private async listen(rank: number, address: string): Promise<void> {
    const server = this.transport.serve({
      attemptMs: this.times.attempt,
      connectionsMax: CONNECTIONS_MAX,
      proven: (open, from) => this.greet(open, from, rank),
      refused: (from, error) =>
        this.warnings.warn(from, 'peer link: a connection without the pool key was refused', { from, error }),
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: address, port: this.port }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    server.on('error', (error: Error) => this.options.log.error('peer link: cannot accept', { address, error: error.message }))
    const bound = server.address()
    if (this.port === 0 && typeof bound === 'object' && bound !== null) this.port = bound.port
    this.servers.set(rank, server)
    if (this.closed) server.close()
  }

  private greet(open: OpenPipe, from: string, rank: number): void {
    const { transport, times, memory } = this
    const connection = new PeerConnection(open, rank, from, { transport, times, memory }, this)
    this.greeting.add(connection)
    this.limits.set(
      connection,
      setTimeout(() => connection.close('no hello'), this.times.attempt),
    )
  }

  envelope({ frame, session, resume }: Envelope, connection: PeerConnection): void {
    if (frame.type !== 'hello') {
      connection.close(`${frame.type} before hello`)
      return
    }
    this.forget(connection)
    const { current } = this
    if (current?.link.session === session) this.join(current, connection)
    else if (resume) this.dismiss(connection, session, 'this link is over')
    else if (current !== null && isOlder(frame.hello, current.hello)) this.dismiss(connection, session, 'a newer link lives')
    else this.begin(frame.hello, session, connection)
  }

  gone(reason: string, connection: PeerConnection): void {
    this.forget(connection)
    if (!this.closed) this.warnings.warn(connection.address, 'peer link: no welcome', { from: connection.address, reason })
  }

  private begin(hello: Hello, session: number, connection: PeerConnection): void {
    const answer = this.options.onHello(hello)
    if ('refuse' in answer) {
      this.tell(connection, session, { type: 'refuse', refuse: answer.refuse })
      connection.close(`refused: ${answer.refuse.code}`)
      return
    }
    this.current?.link.end('superseded by a newer link')
    const { events, log } = this.options
    const onEnd = (): void => {
      if (this.current?.link === link) this.current = null
    }
    const link = new Link({ session, events, times: this.times, log, onEnd })
    this.current = { link, hello, welcome: answer.welcome }
    this.join(this.current, connection)
    log.info('peer link: up', { host: hello.host, address: connection.address, linkId: hello.linkId })
    events.up(link)
  }

  private join({ link, welcome }: Current, connection: PeerConnection): void {
    this.tell(connection, link.session, { type: 'welcome', welcome })
    link.attach(connection)
  }

  private dismiss(connection: PeerConnection, session: number, reason: string): void {
    this.tell(connection, session, { type: 'bye', reason })
    connection.close(reason)
  }

  private tell(connection: PeerConnection, session: number, frame: WireFrame): void {
    connection.send({ session, resume: false, position: 0, received: 0, frame })
  }

  private forget(connection: PeerConnection): void {
    this.greeting.delete(connection)
    clearTimeout(this.limits.get(connection))
    this.limits.delete(connection)
  }

  private async close(reason: string): Promise<void> {
    this.closed = true
    clearInterval(this.trimmer)
    if (this.retry !== null) clearTimeout(this.retry)
    const closing = [...this.servers.values()].map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    this.current?.link.close(reason)
    for (const connection of this.greeting) connection.close(reason)
    await Promise.all(closing)
  }
}

const isOlder = (hello: Hello, than: Hello): boolean => hello.host === than.host && hello.linkId < than.linkId

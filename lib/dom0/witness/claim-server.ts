import { constants } from 'node:crypto'
import type { DropArgument } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { ClaimConnection, ClaimServerEvents } from '../../ports/claim-server'
import type { Log } from '../../ports/log'
import { CLAIMS_LINE_BYTES_MAX } from '../../wire/claims'
import { LineSplitter } from '../../wire/lines'
import { PoolKeyUnusable } from './pool-keys'
import { RareWarning } from '../log/rare-log'
import { codeOf } from '../system/system-error'
import { TLS_PSK } from '../socket/tls-psk'

export interface ClaimServerOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Null: the pool is not served. */
  readonly keyOf: (pool: string) => Buffer | null
  readonly events: ClaimServerEvents
  readonly log: Log
  readonly connectionsMax?: number
}

const HANDSHAKE_MS = 5000
/** A host that does not read its answers is cut off. */
const UNSENT_BYTES_MAX = 1024 * 1024

export interface ClaimListener {
  readonly port: number
  /** Ends every connection. */
  close(): Promise<void>
}

/** Rejects with the system's error when the port is taken. */
export async function listenForClaims(options: ClaimServerOptions): Promise<ClaimListener> {
  const { host, port, log, events } = options
  const pools = new WeakMap<TLSSocket, string>()
  const strangers = new RareWarning(log, 'refused a connection without the key of its pool')
  const server = createServer({
    ...TLS_PSK,
    handshakeTimeout: HANDSHAKE_MS,
    // A resumed session would skip the proof of the key.
    secureOptions: constants.SSL_OP_NO_TICKET,
    pskCallback: (socket, pool) => {
      pools.set(socket, pool)
      return keyFor(pool, options)
    },
  })
  server.maxConnections = options.connectionsMax ?? 2048
  const crowd = new RareWarning(log, 'refused a connection: there are too many')
  server.on('drop', (from?: DropArgument) => crowd.happened({ from: from?.remoteAddress }))
  const quitters = new RareWarning(log, 'a connection ended before it had shown a key')
  server.on('tlsClientError', (error, socket) => {
    const ended = codeOf(error) === 'ECONNRESET' ? quitters : strangers
    ended.happened({ from: socket.remoteAddress, error: error.message })
  })
  const open = new Set<TLSSocket>()
  server.on('secureConnection', (socket) => {
    const pool = pools.get(socket)
    if (pool === undefined) {
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    serve(socket, pool, events, log)
  })
  await listening(server, host, port)
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

function keyFor(pool: string, { keyOf, log }: ClaimServerOptions): Buffer | null {
  try {
    return keyOf(pool)
  } catch (error) {
    if (!(error instanceof PoolKeyUnusable)) throw error
    log.error('the key of a pool cannot be used', { pool, error: error.message })
    return null
  }
}

const listening = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })

function serve(socket: TLSSocket, pool: string, events: ClaimServerEvents, log: Log): void {
  const remote = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`
  const lines = new LineSplitter(CLAIMS_LINE_BYTES_MAX)
  let closing = false
  const connection: ClaimConnection = {
    pool,
    remote,
    send: (line) => {
      if (closing || socket.destroyed) return
      socket.write(line)
      if (socket.writableLength > UNSENT_BYTES_MAX) socket.destroy()
    },
    close: () => {
      closing = true
      socket.end(() => socket.destroy())
    },
  }
  socket.disableRenegotiation()
  socket.setNoDelay(true)
  // A host that lost its power says no goodbye.
  socket.setKeepAlive(true, HANDSHAKE_MS)
  socket.on('error', (error: Error) => log.debug('a connection broke', { remote, error: error.message }))
  socket.once('close', () => events.closed(connection))
  socket.on('data', (chunk: Buffer) => {
    const whole = lines.push(chunk)
    if (whole === 'too-long') {
      log.warn('cut a connection off: a line was too long', { remote, pool })
      closing = true
      socket.destroy()
      return
    }
    for (const line of whole) if (!closing) events.line(connection, line)
  })
  events.opened(connection)
}

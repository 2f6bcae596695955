import { connect, createServer as createPlainServer, isIP, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { isLoopback } from '../../wire/replica-source'
import { readByCopy, readInPlace } from '../nbd-read-in-place'
import type { Inbox } from '../../wire/nbd/inbox'
import { failure } from '../system-error'
import { connectTlsPsk, TLS_PSK, type PoolSecret } from '../tls-psk'
import { PLAIN_LIMITS, TLS_LIMITS, type OutboxLimits } from './frame-outbox'

/** `plain-loopback`: neither encrypted nor authenticated, to measure and to test; refused on any other address. */
export type LinkSecurity = 'tls' | 'plain-loopback'

/** How the bytes of a connection go to the other side. */
export interface Transport {
  readonly limits: OutboxLimits
  /** Not connected yet when it returns. `proven`: the other side belongs to the pool. */
  dial(address: string, port: number, proven: () => void): Socket
  /** Does not listen yet. */
  serve(needs: ServeNeeds): Server
  /** Puts into the inbox what an accepted or dialled socket reads, and answers the socket to be used from then on. */
  readonly read: (socket: Socket, inbox: Inbox, arrived: () => void) => Socket
}

interface ServeNeeds {
  readonly attemptMs: number
  /** It has proven that it belongs to the pool. */
  readonly accepted: (socket: Socket) => void
  readonly refused: (from: string, reason: string) => void
}

/** Throws `EPLAINTEXT` when bytes would leave this host in the clear. */
export function transportOf(security: LinkSecurity, secret: PoolSecret, addresses: readonly string[]): Transport {
  if (security === 'tls') return overTls(secret)
  const far = addresses.find((address) => isIP(address) === 0 || !isLoopback(address))
  if (far !== undefined) throw failure('EPLAINTEXT', `without TLS only on a loopback address: ${far}`)
  return PLAIN
}

const overTls = (secret: PoolSecret): Transport => ({
  limits: TLS_LIMITS,
  dial: (address, port, proven) => connectTlsPsk(address, port, secret).once('secureConnect', proven),
  serve: ({ attemptMs, accepted, refused }) => {
    const { pool, key } = secret
    const pskCallback = (_socket: unknown, identity: string): Buffer | null => (identity === pool ? key : null)
    const server = createTlsServer({ ...TLS_PSK, handshakeTimeout: attemptMs, pskCallback })
    server.on('secureConnection', accepted)
    server.on('tlsClientError', (error, socket) => refused(socket.remoteAddress ?? 'an unknown address', error.message))
    return server
  },
  read: readByCopy,
})

const PLAIN: Transport = {
  limits: PLAIN_LIMITS,
  dial: (address, port, proven) => connect({ host: address, port }).once('connect', proven),
  serve: ({ accepted }) => createPlainServer({ pauseOnConnect: true }, accepted),
  read: (socket, inbox, arrived) => {
    if (!socket.isPaused()) return readByCopy(socket, inbox, arrived)
    return readInPlace(socket, inbox, arrived).resume()
  },
}

import { createServer as createPlainServer, isIP, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Memory } from '../../wire/nbd/slab'
import { isLoopback } from '../../wire/replica-source'
import { loadNativeTls, type NativeTls } from '../socket/native-tls'
import { failure } from '../system/system-error'
import { connectTlsPsk, TLS_PSK, type PoolSecret } from '../socket/tls-psk'
import { Doorway } from './doorway'
import { DialledPlain, openNodeTls, openPlain, type OpenPipe } from './pipe'
import { SealedPipe } from './sealed-pipe'

/** `plain-loopback`: neither encrypted nor authenticated, to measure and to test; refused on any other address. */
export type LinkSecurity = 'tls' | 'plain-loopback'

/** How connections are made. */
export interface Transport {
  /** Not connected yet when it returns. */
  dial(address: string, port: number, needs: DialNeeds): Socket
  /** Does not listen yet. */
  serve(needs: ServeNeeds): Server
}

interface DialNeeds {
  /** The other side belongs to the pool. */
  readonly proven: (open: OpenPipe) => void
  /** What the socket's end does not tell. */
  readonly failed: (why: string) => void
}

interface ServeNeeds {
  /** So long a client may take to prove that it belongs to the pool. */
  readonly attemptMs: number
  /** More at a time are closed, those first that have proven nothing. */
  readonly connectionsMax: number
  readonly proven: (open: OpenPipe, from: string) => void
  readonly refused: (from: string, why: string) => void
}

interface TransportParts {
  readonly secret: PoolSecret
  readonly memory: Memory
  readonly native?: NativeTls | null
}

/** Throws `EPLAINTEXT` when bytes would leave this host in the clear. */
export function transportOf(security: LinkSecurity, parts: TransportParts, addresses: readonly string[]): Transport {
  if (security === 'tls') {
    const { native = loadNativeTls() } = parts
    return native === null ? overNodeTls(parts.secret) : overNativeTls(native, parts)
  }
  const far = addresses.find((address) => isIP(address) === 0 || !isLoopback(address))
  if (far !== undefined) throw failure('EPLAINTEXT', `without TLS only on a loopback address: ${far}`)
  return PLAIN
}

const overNodeTls = (secret: PoolSecret): Transport => ({
  dial: (address, port, { proven }) => {
    const socket = connectTlsPsk(address, port, secret)
    return socket.once('secureConnect', () => proven(openNodeTls(socket)))
  },
  serve: ({ attemptMs, connectionsMax, proven, refused }) => {
    const { pool, key } = secret
    const pskCallback = (_socket: unknown, identity: string): Buffer | null => (identity === pool ? key : null)
    const server = createTlsServer({ ...TLS_PSK, handshakeTimeout: attemptMs, pskCallback })
    server.on('secureConnection', (socket) => proven(openNodeTls(socket), remoteOf(socket)))
    server.on('tlsClientError', (error, socket) => {
      refused(remoteOf(socket), error.message)
      // Node leaves it open after its own limit.
      socket.destroy()
    })
    server.maxConnections = connectionsMax
    return server
  },
})

const overNativeTls = (native: NativeTls, { secret, memory }: TransportParts): Transport => ({
  dial: (address, port, { proven, failed }) => {
    const { socket } = new SealedPipe(null, { native, memory, isServer: false, ...secret, proven, failed })
    return socket.connect({ host: address, port })
  },
  serve: ({ attemptMs, connectionsMax, proven, refused }) => {
    const doorway = new Doorway(connectionsMax)
    return createPlainServer({ pauseOnConnect: true }, (accepted) => {
      const from = remoteOf(accepted)
      const limit = setTimeout(() => {
        refused(from, 'no proof in time')
        socket.destroy()
      }, attemptMs)
      const { socket } = new SealedPipe(accepted, {
        ...{ native, memory, isServer: true, ...secret },
        proven: (open) => {
          clearTimeout(limit)
          doorway.known(socket)
          proven(open, from)
        },
        failed: (why) => {
          clearTimeout(limit)
          refused(from, why)
        },
      })
      socket.once('close', () => clearTimeout(limit))
      doorway.entered(socket)
    })
  },
})

const PLAIN: Transport = {
  dial: (address, port, { proven }) => {
    const dialled = new DialledPlain()
    dialled.socket.once('connect', () => proven(dialled.open))
    return dialled.socket.connect({ host: address, port })
  },
  serve: ({ connectionsMax, proven }) => {
    const doorway = new Doorway(connectionsMax)
    return createPlainServer({ pauseOnConnect: true }, (accepted) =>
      proven((inbox, arrived) => {
        const pipe = openPlain(accepted)(inbox, arrived)
        doorway.entered(pipe.socket)
        doorway.known(pipe.socket)
        return pipe
      }, remoteOf(accepted)),
    )
  },
}

const remoteOf = ({ remoteAddress = 'an unknown address' }: Socket): string => remoteAddress

import { chmodSync, mkdirSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, type ListenOptions } from 'node:net'
import { dirname } from 'node:path'
import type { ApiTable } from '../../wire/ask-shapes'
import { answerRequest, type Service } from './api-answer'
import { checkSocketPlace, removeSocket } from '../socket/socket-place'
import { codeOf } from '../system/system-error'
import { TLS_PSK, type PoolSecret } from '../socket/tls-psk'

export interface ApiServer {
  /** The TCP port; 0 for a unix socket. */
  readonly port: number
  /** Stops listening and drops what is connected. A unix socket is removed. */
  close(): Promise<void>
}

export interface SocketService<Api extends ApiTable<Api>> extends Service<Api> {
  readonly socketPath: string
}

export interface TlsService<Api extends ApiTable<Api>> extends Service<Api> {
  readonly address: string
  /** 0 chooses one. */
  readonly port: number
  readonly secret: PoolSecret
  /** Never all by accident: what other hosts may call is spelled out. */
  readonly allow: readonly (keyof Api & string)[]
}

/** A request must have arrived whole in this time; a local client sends it at once. */
const REQUEST_TIMEOUT_MS = 10_000

/**
 * Serves an API on a unix socket of mode 0600. Rejects with EADDRINUSE when another process serves that socket, and as
 * `checkSocketPlace` throws.
 */
export async function serveApi<Api extends ApiTable<Api>>(service: SocketService<Api>): Promise<ApiServer> {
  const path = service.socketPath
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  checkSocketPlace(path)
  await removeStale(path)
  const server = createHttpServer({ requestTimeout: REQUEST_TIMEOUT_MS }, listenerOf(service))
  const umask = process.umask(0o177)
  const listening = listen(server, { path })
  process.umask(umask)
  await listening
  chmodSync(path, 0o600)
  return { port: 0, close: () => close(server) }
}

/** Serves some functions of an API to the holders of the pool key. */
export async function serveApiOverTls<Api extends ApiTable<Api>>(service: TlsService<Api>): Promise<ApiServer> {
  const { pool, key } = service.secret
  const server = createHttpsServer(
    {
      ...TLS_PSK,
      requestTimeout: REQUEST_TIMEOUT_MS,
      handshakeTimeout: REQUEST_TIMEOUT_MS,
      pskCallback: (_socket, identity) => (identity === pool ? key : null),
    },
    listenerOf(service),
  )
  server.on('tlsClientError', (error) =>
    service.log.warn('a connection without the pool key was refused', { error: error.message }),
  )
  await listen(server, { host: service.address, port: service.port })
  const bound = server.address()
  return { port: typeof bound === 'object' && bound !== null ? bound.port : 0, close: () => close(server) }
}

const listenerOf =
  <Api extends ApiTable<Api>>(service: Service<Api>): RequestListener =>
  (request, response) => {
    void answerRequest(service, request, response)
  }

const listen = (server: Server, where: ListenOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

/** A socket file that nobody answers is what a killed process left behind. */
function removeStale(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      reject(Object.assign(new Error(`another process serves ${path}`), { code: 'EADDRINUSE' }))
    })
    probe.once('error', (error) => {
      if (codeOf(error) === 'ECONNREFUSED') removeSocket(path)
      if (['ECONNREFUSED', 'ENOENT'].includes(codeOf(error))) resolve()
      else reject(error)
    })
  })
}

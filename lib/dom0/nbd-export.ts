import { statSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import type { DiskExport, DiskHandler } from '../ports/disk-export'
import type { Log } from '../ports/log'
import { InflightBudget, type InflightLimits } from './nbd-inflight'
import { NbdConnection } from './nbd-connection'
import { codeOf } from './system-error'

export interface NbdExportOptions {
  /** Unix socket; a stale file there is replaced, its folder must exist. Or a loopback TCP port (0: any), for tests. */
  readonly path: string | { readonly loopbackPort: number }
  readonly exportName: string
  readonly sizeBytes: number
  readonly readOnly?: boolean
  readonly handler: DiskHandler
  readonly log: Log
  /** For all connections together; reading from the sockets stops while they are used up. */
  readonly limits?: InflightLimits
  /** A client that has not chosen the export by then is closed. Default 10 000 ms. */
  readonly handshakeMs?: number
}

export interface NbdExport extends DiskExport {
  /** Where clients connect, as the NBD URI of it. */
  readonly uri: string
}

/** tapdisk may have 352 requests of up to 8 MiB outstanding and loses what exceeds that, so the count is never the limit for it. */
const LIMITS: InflightLimits = { requests: 1024, bytes: 64 * 1024 * 1024 }
/** A guest's disk has a handful of clients; more are a leak somewhere. */
const CONNECTIONS_MAX = 64
/** sun_path holds 108 bytes with its NUL; a longer path would be cut off silently. */
const SOCKET_PATH_BYTES_MAX = 107

/** Serves one disk over NBD. Rejects with the system's error when the socket cannot be made. */
export async function createNbdExport(options: NbdExportOptions): Promise<NbdExport> {
  const { path, exportName, sizeBytes, handler, log } = options
  const offer = { name: exportName, sizeBytes, readOnly: options.readOnly ?? false }
  const budget = new InflightBudget(options.limits ?? LIMITS)
  const connections = new Set<NbdConnection>()
  let numbered = 0
  const accept = (socket: Socket): void => {
    const connection = new NbdConnection({
      socket,
      offer,
      handler,
      budget,
      number: ++numbered,
      log,
      handshakeMs: options.handshakeMs ?? 10_000,
      onEnd: () => connections.delete(connection),
    })
    connections.add(connection)
  }
  const server = createServer({ noDelay: true }, accept)
  server.maxConnections = CONNECTIONS_MAX
  server.on('drop', () => log.warn('nbd: too many clients', { exportName, connections: CONNECTIONS_MAX }))
  await (typeof path === 'string'
    ? listenOnPath(server, path)
    : listening(server, () => server.listen(path.loopbackPort, '127.0.0.1')))
  server.on('error', (error) => log.error('nbd: cannot accept', { exportName, error: error.message }))
  return {
    uri: uriOf(server, exportName),
    get connections() {
      return connections.size
    },
    get inflight() {
      return budget.requests
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const connection of connections) connection.end('the export is closed')
      }),
  }
}

async function listenOnPath(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw Object.assign(new Error(`socket path too long: ${path}`), { code: 'ENAMETOOLONG' })
  }
  // Binding would call a missing folder EACCES.
  statSync(dirname(path))
  removeStale(path)
  await listening(server, () => {
    // The socket is bound inside listen(), so nobody else can ever open it.
    const before = process.umask(0o177)
    try {
      server.listen(path)
    } finally {
      process.umask(before)
    }
  })
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    listen()
  })
}

function removeStale(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

function uriOf(server: Server, exportName: string): string {
  const address = server.address()
  const name = encodeURIComponent(exportName)
  if (typeof address === 'string') return `nbd+unix:///${name}?socket=${address}`
  return `nbd://127.0.0.1:${address?.port ?? 0}/${name}`
}

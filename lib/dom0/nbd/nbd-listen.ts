import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { isLoopback } from '../../wire/replica-source'
import type { HeldSocket } from '../socket/held-socket'
import { checkTls, type NbdTls } from './nbd-tls'
import { checkSocketPlace, removeSocket } from '../socket/socket-place'
import { failure } from '../system/system-error'

/** Where an export can be reached. */
export type NbdListen =
  /** A stale socket there is replaced, its folder must exist. */
  | { readonly unix: string }
  /** Port 0: any that is free. */
  | { readonly tcp: { readonly host: string; readonly port: number; readonly tls?: NbdTls } }
  /** A socket that this process was started with. */
  | { readonly held: HeldSocket }

/** Where clients come in, until it is closed. */
export interface NbdEntrance {
  /** The NBD URI of the place. */
  readonly uri: string
  /** Nobody comes any more. Resolves when those who came have left, unless the socket is a held one. */
  close(): Promise<void>
}

/** A client whose host is gone says nothing; where it could come from the network it is asked. */
const KEEP_ALIVE_MS = 30_000

export interface NbdArrivals {
  /** A socket that nothing was read from yet. */
  readonly accept: (socket: Socket) => void
  /** Somebody came and could not be accepted. */
  readonly failed: (error: Error) => void
}

/** Rejects as `listenAt` does. */
export async function openEntrance(where: NbdListen, exportName: string, { accept, failed }: NbdArrivals): Promise<NbdEntrance> {
  if ('held' in where) {
    await where.held.open(accept, failed)
    return { uri: unixUri(where.held.path, exportName), close: () => where.held.shut() }
  }
  const alive = { keepAlive: 'tcp' in where, keepAliveInitialDelay: KEEP_ALIVE_MS }
  const server = createServer({ noDelay: true, ...alive, pauseOnConnect: true }, accept)
  const uri = await listenAt(server, where, exportName)
  server.on('error', failed)
  return { uri, close: () => new Promise((resolve) => server.close(() => resolve())) }
}

/**
 * Resolves with the NBD URI of the place. Rejects with the system's error; with EPLAINTEXT when a disk would be told to a network in
 * the clear.
 */
export async function listenAt(
  server: Server,
  where: Exclude<NbdListen, { readonly held: HeldSocket }>,
  exportName: string,
): Promise<string> {
  if ('unix' in where) {
    await listenOnPath(server, where.unix)
    return unixUri(where.unix, exportName)
  }
  const { host, port, tls } = where.tcp
  if (tls === undefined && !isLoopback(host)) throw failure('EPLAINTEXT', `without TLS only on a loopback address: ${host}`)
  if (tls !== undefined) checkTls(tls)
  await listening(server, () => server.listen(port, host))
  const shown = host.includes(':') ? `[${host}]` : host
  return `${tls === undefined ? 'nbd' : 'nbds'}://${shown}:${portOf(server.address())}/${encodeURIComponent(exportName)}`
}

const unixUri = (path: string, exportName: string): string =>
  `nbd+unix:///${encodeURIComponent(exportName)}?socket=${encodeURI(path)}`

/** A stale socket there is replaced; root alone may connect. Rejects as `checkSocketPlace` throws, or with the system's error. */
export async function listenOnPath(server: Server, path: string): Promise<void> {
  checkSocketPlace(path)
  removeSocket(path)
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

export function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    listen()
  })
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' && address !== null ? address.port : 0

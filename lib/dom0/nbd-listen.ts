import { statSync, unlinkSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { dirname } from 'node:path'
import { isLoopback } from '../wire/replica-source'
import { checkTls, type NbdTls } from './nbd-tls'
import { codeOf } from './system-error'

/** Where an export can be reached. */
export type NbdListen =
  /** A stale file there is replaced, its folder must exist. */
  | { readonly unix: string }
  /** Port 0: any that is free. */
  | { readonly tcp: { readonly host: string; readonly port: number; readonly tls?: NbdTls } }

/** sun_path holds 108 bytes with its NUL; a longer path would be cut off silently. */
const SOCKET_PATH_BYTES_MAX = 107

/**
 * Resolves with the NBD URI of the place. Rejects with the system's error; with EPLAINTEXT when a disk would be told to a network in
 * the clear.
 */
export async function listenAt(server: Server, where: NbdListen, exportName: string): Promise<string> {
  const name = encodeURIComponent(exportName)
  if ('unix' in where) {
    await listenOnPath(server, where.unix)
    return `nbd+unix:///${name}?socket=${encodeURI(where.unix)}`
  }
  const { host, port, tls } = where.tcp
  if (tls === undefined && !isLoopback(host)) throw failure('EPLAINTEXT', `without TLS only on a loopback address: ${host}`)
  if (tls !== undefined) checkTls(tls)
  await listening(server, () => server.listen(port, host))
  const shown = host.includes(':') ? `[${host}]` : host
  return `${tls === undefined ? 'nbd' : 'nbds'}://${shown}:${portOf(server.address())}/${name}`
}

async function listenOnPath(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) throw failure('ENAMETOOLONG', `socket path too long: ${path}`)
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

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' && address !== null ? address.port : 0

const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code })

import { linkSync, renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { SOCKET_PATH_BYTES_MAX } from '../../wire/socket-path'
import { heldName } from './held-socket'
import { listenOnPath } from '../nbd/nbd-listen'

/** A socket for a child to hold. */
export interface BoundSocket {
  readonly fd: number
  readonly path: string
  /** Lets go of it here, when the child has been started with it. */
  release(): void
}

/**
 * Binds a unix socket under its held name, in the folder of `path`. Null where that is too long for the system: then whoever serves
 * has to bind one itself, and clients that come while nobody does are refused. Rejects with the system's error.
 */
export async function bindSocket(path: string): Promise<BoundSocket | null> {
  const held = heldName(path)
  if (Buffer.byteLength(held) > SOCKET_PATH_BYTES_MAX) return null
  const server = createServer()
  await listenOnPath(server, held)
  const fd = descriptorOf(server)
  const release = (): void => {
    // The system library removes the name that it has bound.
    linkSync(held, `${held}.kept`)
    server.close()
    renameSync(`${held}.kept`, held)
  }
  if (fd !== null) return { fd, path, release }
  server.close()
  return null
}

/** Node has no public name for it. */
function descriptorOf(server: object): number | null {
  const handle: unknown = Reflect.get(server, '_handle')
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : null
  return typeof fd === 'number' && fd >= 0 ? fd : null
}

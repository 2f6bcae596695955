import { lstatSync, renameSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Log } from '../../ports/log'
import { SOCKET_PATH_BYTES_MAX } from '../../wire/socket-path'
import { NbdFrontClient } from './nbd-front-client'
import { InflightBudget, type InflightLimits } from '../nbd/nbd-inflight'
import { listenAt } from '../nbd/nbd-listen'
import { checkSocketPlace, removeSocket, socketInode } from '../socket/socket-place'
import { failure } from '../system/system-error'

export interface NbdFrontOptions {
  /** Unix socket for clients; another front's there is replaced, its folder must exist. */
  readonly listen: string
  /** Unix socket of the worker, which may come and go. */
  readonly to: string
  readonly exportName: string
  readonly log: Log
  /** For all clients together. */
  readonly limits?: InflightLimits
  readonly handshakeMs?: number
}

export interface NbdFrontServer {
  readonly clients: number
  /** The socket's name is gone, or another front's: nobody can come any more, and no worker is looked for. */
  readonly isAbandoned: boolean
  /** Lets every client go and removes the socket. */
  close(): Promise<void>
}

/** tapdisk may have 352 requests outstanding; more bytes than this wait in its socket. */
const LIMITS: InflightLimits = { requests: 1024, bytes: 64 * 1024 * 1024 }
const CLIENTS_MAX = 64
const UNTIL_NAMED = '.new'

/**
 * Keeps the connections of NBD clients that cannot reconnect while workers behind come and go. Whoever removes or replaces the
 * socket takes the disk from it: its clients keep the worker that they have, and get no other. Rejects with the system's error when
 * the socket cannot be made, EEXIST where something is that is no socket.
 */
export async function createNbdFront(options: NbdFrontOptions): Promise<NbdFrontServer> {
  const { listen, to, exportName, log } = options
  if (Buffer.byteLength(to) > SOCKET_PATH_BYTES_MAX)
    throw failure('ENAMETOOLONG', `socket path too long, it may have ${SOCKET_PATH_BYTES_MAX} bytes: ${to}`)
  const budget = new InflightBudget(options.limits ?? LIMITS)
  const clients = new Set<NbdFrontClient>()
  let numbered = 0
  const accept = (socket: Socket): void => {
    const client: NbdFrontClient = new NbdFrontClient({
      ...{ socket, to, exportName, budget, log, number: ++numbered },
      mayDial: () => socketInode(listen) === inode,
      handshakeMs: options.handshakeMs ?? 10_000,
      onEnd: () => clients.delete(client),
    })
    clients.add(client)
  }
  const server = createServer(accept)
  server.maxConnections = CLIENTS_MAX
  server.on('drop', () => log.warn('front: too many clients', { exportName, clients: CLIENTS_MAX }))
  const inode = await listenInPlaceOf(server, listen, exportName)
  server.on('error', (error) => log.error('front: cannot accept', { exportName, error: error.message }))
  return {
    get clients() {
      return clients.size
    },
    get isAbandoned() {
      return socketInode(listen) !== inode
    },
    close: () =>
      new Promise<void>((resolve) => {
        if (socketInode(listen) === inode) removeSocket(listen)
        server.close(() => resolve())
        for (const client of clients) client.end()
      }),
  }
}

/**
 * Bound under another name and renamed: the front before this one is replaced in one step, and whoever ends later, whose
 * system library removes the name it was bound to, removes nobody else's.
 */
async function listenInPlaceOf(server: Server, path: string, exportName: string): Promise<number> {
  checkSocketPlace(path, UNTIL_NAMED.length)
  const bound = `${path}${UNTIL_NAMED}`
  await listenAt(server, { unix: bound }, exportName)
  try {
    const { ino } = lstatSync(bound)
    renameSync(bound, path)
    return ino
  } catch (error) {
    removeSocket(bound)
    throw error
  }
}

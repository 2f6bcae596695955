import type { Socket } from 'node:net'
import { assert } from '../../core/domain/assert'
import type { DiskExport, DiskExtents, DiskHandler } from '../../ports/disk-export'
import type { Log } from '../../ports/log'
import { BufferPool } from './buffer-pool'
import { NbdConnection, type NbdShared } from './nbd-connection'
import { InflightBudget, type InflightLimits } from './nbd-inflight'
import { openEntrance, type NbdListen } from './nbd-listen'
import { RareWarning } from '../log/rare-log'

export interface NbdExportOptions {
  readonly listen: NbdListen
  readonly exportName: string
  readonly sizeBytes: number
  readonly readOnly?: boolean
  readonly handler: DiskHandler
  /** What is known to be allocated; without it everything is taken for that. */
  readonly extents?: DiskExtents
  readonly log: Log
  /** For all connections together; reading from the sockets stops while they are used up. */
  readonly limits?: InflightLimits
  /** A client that has not chosen the export by then is closed. Default 10 000 ms. */
  readonly handshakeMs?: number
  /** A client that holds room, does nothing for so long and is waited for then is closed. Default 30 000 ms. */
  readonly stallMs?: number
}

export interface NbdExport extends DiskExport {
  /** Where clients connect, as the NBD URI of it. */
  readonly uri: string
  /** Payload held for requests whose answers were not taken yet. */
  readonly heldBytes: number
}

/** tapdisk may have 352 requests of up to 8 MiB outstanding and loses what exceeds that, so the count is never the limit for it. */
const LIMITS: InflightLimits = { requests: 1024, bytes: 64 * 1024 * 1024 }
/** A guest's disk has a handful of clients; more are a leak somewhere. */
const CONNECTIONS_MAX = 64
/** Memory that was of no use for so long is given back. */
const TRIM_EVERY_MS = 10_000

const nothingKnown: DiskExtents = (_offset, _length, _one, reply) => reply({ error: 0, extents: [] })

/** Serves one disk over NBD. Rejects as `listenAt` does when the socket cannot be made. */
export async function createNbdExport(options: NbdExportOptions): Promise<NbdExport> {
  const { listen, exportName, sizeBytes, handler, log } = options
  assert(Number.isSafeInteger(sizeBytes) && sizeBytes > 0, 'a disk has a size that a number holds')
  const budget = new InflightBudget(options.limits ?? LIMITS)
  const memory = new BufferPool(budget.limits.bytes / 2)
  const turnedAway = new RareWarning(log, 'nbd: client turned away')
  const shared: NbdShared = {
    ...{ offer: { name: exportName, sizeBytes, readOnly: options.readOnly ?? false }, handler, budget, memory, log },
    extents: options.extents ?? nothingKnown,
    tls: 'tcp' in listen ? listen.tcp.tls : undefined,
    handshakeMs: options.handshakeMs ?? 10_000,
    stallMs: options.stallMs ?? 30_000,
    misbehaved: (facts) => turnedAway.happened(facts),
  }
  const connections = new Set<NbdConnection>()
  let numbered = 0
  const accept = (socket: Socket): void => {
    if (connections.size >= CONNECTIONS_MAX) {
      // Strangers who only hold places make room first.
      const stranger = [...connections].find(({ isOpen }) => !isOpen)
      stranger?.complain('others want to connect')
      if (stranger === undefined) {
        turnedAway.happened({ exportName, reason: `there are ${CONNECTIONS_MAX} clients` })
        socket.destroy()
        return
      }
    }
    const connection = new NbdConnection(socket, shared, ++numbered, () => connections.delete(connection))
    connections.add(connection)
  }
  const failed = (error: Error): void => log.error('nbd: cannot accept', { exportName, error: error.message })
  const entrance = await openEntrance(listen, exportName, { accept, failed })
  const trimming = setInterval(() => memory.trim(), TRIM_EVERY_MS).unref()
  return {
    uri: entrance.uri,
    get connections() {
      return connections.size
    },
    get inflight() {
      return budget.unanswered
    },
    get heldBytes() {
      return budget.bytes
    },
    close: () => {
      clearInterval(trimming)
      const closed = entrance.close()
      for (const connection of connections) connection.end('the export is closed')
      return closed
    },
  }
}

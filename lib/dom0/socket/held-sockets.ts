import { join } from 'node:path'
import type { WorkerSpec } from '../../wire/worker-api'
import { bindSocket, type BoundSocket } from './bound-socket'
import { HeldSocket } from './held-socket'

/** A child's first file of its own; the three before it are its input and its logs. */
const FIRST = 3

/** Sockets for the disks of a worker, to be held by its minder. */
export interface SocketsToHold {
  /** To be appended to the `stdio` of the minder. */
  readonly files: readonly number[]
  /** To be appended to the arguments of the worker. */
  readonly argv: readonly string[]
  /** Lets go of them here, when the minder has been started. */
  readonly release: () => void
}

/** Where a worker serves this disk, when on a unix socket. */
export function socketOf(
  { exports = {} }: WorkerSpec,
  folder: string,
  volume: WorkerSpec['volumes'][number]['key'],
): string | null {
  const listen = exports[volume]?.listen ?? { unix: join(folder, `${volume}.sock`) }
  return 'unix' in listen ? listen.unix : null
}

/** Rejects with the system's error. */
export async function socketsToHold(spec: WorkerSpec, folder: string): Promise<SocketsToHold> {
  const bound: BoundSocket[] = []
  for (const { key } of spec.volumes) {
    const path = socketOf(spec, folder, key)
    const socket = path === null ? null : await bindSocket(path)
    if (socket !== null) bound.push(socket)
  }
  return {
    files: bound.map(({ fd }) => fd),
    argv: bound.map(({ path }, index) => `${FIRST + index}:${path}`),
    release: () => {
      for (const socket of bound) socket.release()
    },
  }
}

/** In the worker: what it was started with, by path. */
export const heldSockets = (argv: readonly string[]): ReadonlyMap<string, HeldSocket> =>
  new Map(
    argv.map((word) => {
      const [, fd = '', path = ''] = /^(\d+):(.+)$/.exec(word) ?? []
      return [path, new HeldSocket(Number(fd), path)]
    }),
  )

import { heldName } from '../../lib/dom0/socket/held-socket'
import { removeSocket } from '../../lib/dom0/socket/socket-place'
import type { MirrorOptions } from '../../lib/wire/mirror-options'
import { behindFront } from './mirror-spec'

/** The sockets that go with the one that clients know. */
export function socketsBeside(options: MirrorOptions): readonly string[] {
  const { listen, front } = options
  if (!('unix' in listen)) return []
  const worker = front ? behindFront(options) : listen.unix
  return [...(front ? [worker] : []), heldName(worker)]
}

/** Whatever was killed may have left some, and a client must not find that of a disk which the other side serves. */
export function removeSockets(options: MirrorOptions): void {
  const { listen } = options
  if (!('unix' in listen)) return
  for (const path of [listen.unix, ...socketsBeside(options)]) removeSocket(path)
}

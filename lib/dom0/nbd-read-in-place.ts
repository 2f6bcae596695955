import { Socket, type OnReadOpts } from 'node:net'
import type { Inbox } from '../wire/nbd/inbox'

/**
 * Gives the connection of `accepted`, which is paused and has read nothing, to a socket that reads straight to where the inbox
 * has space, and answers that socket. Node can do so (`onread`) only for sockets that are made for it, and the documented ways of
 * making one leave out the accepted. So its handle is moved; where Node keeps none of that name, everything works as well with a
 * buffer and a copy for each piece.
 */
export function readInPlace(accepted: Socket, inbox: Inbox, arrived: () => void): Socket {
  const handle: unknown = '_handle' in accepted ? accepted._handle : null
  if (typeof handle !== 'object' || handle === null) return readByCopy(accepted, inbox, arrived)
  const onread: OnReadOpts = {
    buffer: () => inbox.space(),
    callback: (bytes) => {
      inbox.filled(bytes)
      arrived()
      return true
    },
  }
  const options = { handle, onread, allowHalfOpen: false }
  const socket = new Socket(options)
  Object.assign(accepted, { _handle: null })
  accepted.destroy()
  return socket
}

/** For what is no plain socket of the system, as TLS. */
export function readByCopy<Readable extends Socket>(socket: Readable, inbox: Inbox, arrived: () => void): Readable {
  socket.on('data', (chunk: Buffer) => {
    inbox.feed(chunk)
    arrived()
  })
  return socket
}

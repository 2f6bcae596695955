import type { Socket } from 'node:net'
import type { Inbox } from '../../wire/nbd/inbox'
import { withOnread } from '../socket/socket-onread'

/** Answers a socket in the place of `accepted`, which is paused and has read nothing: one that reads to where the inbox has space. */
export function readInPlace(accepted: Socket, inbox: Inbox, arrived: () => void): Socket {
  const socket = withOnread(accepted, {
    buffer: () => inbox.space(),
    callback: (bytes) => {
      inbox.filled(bytes)
      arrived()
      return true
    },
  })
  return socket ?? readByCopy(accepted, inbox, arrived)
}

/** For what is no plain socket of the system, as TLS. */
export function readByCopy<Readable extends Socket>(socket: Readable, inbox: Inbox, arrived: () => void): Readable {
  socket.on('data', (chunk: Buffer) => {
    inbox.feed(chunk)
    arrived()
  })
  return socket
}

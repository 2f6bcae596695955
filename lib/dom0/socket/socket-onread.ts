import { Socket, type OnReadOpts } from 'node:net'

/**
 * Gives the connection of `accepted`, which is paused and has read nothing, to a socket that reads as `onread` says, and answers
 * that socket. Node has `onread` only for sockets that are made for it, and the documented ways of making one leave out the accepted.
 * So its handle is moved. Null where Node keeps none of that name: then `accepted` is as it was.
 */
export function withOnread(accepted: Socket, onread: OnReadOpts): Socket | null {
  const handle: unknown = '_handle' in accepted ? accepted._handle : null
  if (typeof handle !== 'object' || handle === null) return null
  const options = { handle, onread, allowHalfOpen: false }
  const socket = new Socket(options)
  Object.assign(accepted, { _handle: null })
  accepted.destroy()
  return socket
}

/** A socket that is to be connected and reads as `onread` says. */
export function unconnected(onread: OnReadOpts): Socket {
  const options = { onread, allowHalfOpen: false }
  return new Socket(options)
}

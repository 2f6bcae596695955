import type { Socket } from 'node:net'
import { Inbox } from '../../wire/nbd/inbox'
import { DirectSend } from '../socket/direct-send'
import { readByCopy, readInPlace } from '../nbd/nbd-read-in-place'
import { unconnected } from '../socket/socket-onread'

export interface PipeLimits {
  /** Bytes: a payload that is not larger is copied behind its header. */
  readonly copied: number
  /** Bytes of the memory in which frames that leave together are collected. */
  readonly sheet: number
  /** Once the pipe has so many bytes that have not left, it is given no more. */
  readonly ahead: number
}

/** For the system: copying so much costs less than naming it as one more piece. */
export const PLAIN_LIMITS: PipeLimits = { copied: 8 * 1024, sheet: 64 * 1024, ahead: Infinity }
/** For Node's TLS: several pieces at once are joined in fresh memory, so it gets one each turn, and the next ones grow meanwhile. */
export const NODE_TLS_LIMITS: PipeLimits = { copied: 128 * 1024, sheet: 256 * 1024, ahead: 1 }

/** The bytes of a connection whose other side has proven that it belongs to the pool. */
export interface Pipe {
  readonly limits: PipeLimits
  /** For its events, and to destroy it. */
  readonly socket: Socket
  /** They leave together. `left`: the system has them; not called when it never will. */
  send(pieces: readonly Buffer[], left: () => void): void
  /** After what was sent. */
  close(): void
}

/** Called once: from then on, what comes is put into the inbox. */
export type OpenPipe = (inbox: Inbox, arrived: () => void) => Pipe

/** Bytes as they are, or in the care of Node's TLS. */
export class SocketPipe implements Pipe {
  private readonly direct: DirectSend

  constructor(
    readonly socket: Socket,
    readonly limits: PipeLimits,
  ) {
    this.direct = new DirectSend(socket)
  }

  send(pieces: readonly Buffer[], left: () => void): void {
    this.direct.sendAll(pieces, (error) => {
      if (error == null) left()
    })
  }

  close(): void {
    this.socket.destroySoon()
  }
}

/** `accepted`: paused, and has read nothing. */
export const openPlain =
  (accepted: Socket): OpenPipe =>
  (inbox, arrived) =>
    new SocketPipe(readInPlace(accepted, inbox, arrived).resume(), PLAIN_LIMITS)

/** A socket that is to be connected, and opened when it is. */
export class DialledPlain {
  readonly socket: Socket
  private inbox = new Inbox()
  /** Whose space the system has: it is given one before the socket is opened, and has it still when the first bytes come. */
  private spaceOf = this.inbox
  private arrived: () => void = () => undefined

  constructor() {
    this.socket = unconnected({
      buffer: () => {
        this.spaceOf = this.inbox
        return this.inbox.space()
      },
      callback: (bytes, space) => {
        if (this.spaceOf === this.inbox) this.inbox.filled(bytes)
        else this.inbox.feed(Buffer.from(space.buffer, space.byteOffset, bytes))
        this.arrived()
        return true
      },
    })
  }

  readonly open: OpenPipe = (inbox, arrived) => {
    this.inbox = inbox
    this.arrived = arrived
    return new SocketPipe(this.socket, PLAIN_LIMITS)
  }
}

export const openNodeTls =
  (socket: Socket): OpenPipe =>
  (inbox, arrived) =>
    new SocketPipe(readByCopy(socket, inbox, arrived), NODE_TLS_LIMITS)

import type { ByteQueue } from '../byte-queue'
import { COMMAND, NBD_ERROR, PAYLOAD_BYTES_MAX, REPLY_MAGIC, REQUEST_MAGIC } from './numbers'

/** A client's request as the front keeps it until it is answered: bytes to send, again if need be, and how its reply is read. */
export interface FrontRequest {
  /** The client's name of it, 64 bits in two halves. */
  readonly cookieHigh: number
  readonly cookieLow: number
  /** Data that follow a reply without an error. */
  readonly answerBytes: number
  /** Payload that it brings or asks for. */
  readonly heldBytes: number
  readonly header: Buffer
  /** Of a write, in the pieces in which it came; else empty. */
  readonly payload: readonly Buffer[]
}

export type FrontRequestStep =
  /** A header is here; the request follows when its payload is. */
  | { readonly kind: 'begun'; readonly heldBytes: number }
  | { readonly kind: 'request'; readonly request: FrontRequest }
  /** `reply` is for the client: the request is larger than any server takes. */
  | { readonly kind: 'refused'; readonly reply: Buffer }
  | { readonly kind: 'disconnect'; readonly header: Buffer }
  | { readonly kind: 'garbage'; readonly reason: string }

const HEADER_BYTES = 28

/**
 * Cuts a client's bytes into requests and understands no more of them than that: a write brings data, a read wants some.
 * Whether the disk has such an offset, flag or command is the server's to say.
 */
export class FrontRequests {
  private begun: (FrontRequest & { readonly payload: Buffer[] }) | null = null
  private missingBytes = 0
  private skipBytes = 0
  /** Due once its payload is skipped. */
  private refused: FrontRequestStep | null = null

  /** Payload for which room was taken though it is not all here. */
  get begunBytes(): number | null {
    return this.begun === null ? null : this.begun.heldBytes
  }

  /** The next step that the bytes allow, or null when more are needed. After `garbage` it must not be called. */
  next(queue: ByteQueue): FrontRequestStep | null {
    this.skipBytes -= queue.skip(this.skipBytes)
    if (this.skipBytes > 0) return null
    const { refused } = this
    if (refused !== null) {
      this.refused = null
      return refused
    }
    if (this.begun === null) return this.begin(queue)
    const request = this.begun
    const piece = this.missingBytes === 0 ? null : queue.take(Math.min(queue.length, this.missingBytes))
    if (piece !== null && piece.length > 0) {
      request.payload.push(piece)
      this.missingBytes -= piece.length
    }
    if (this.missingBytes > 0) return null
    this.begun = null
    return { kind: 'request', request }
  }

  private begin(queue: ByteQueue): FrontRequestStep | null {
    const header = queue.take(HEADER_BYTES)
    if (header === null) return null
    if (header.readUInt32BE(0) !== REQUEST_MAGIC) return { kind: 'garbage', reason: 'a request without its magic number' }
    const command = header.readUInt16BE(6)
    if (command === COMMAND.disconnect) return { kind: 'disconnect', header }
    const isWrite = command === COMMAND.write
    const heldBytes = isWrite || command === COMMAND.read ? header.readUInt32BE(24) : 0
    const cookieHigh = header.readUInt32BE(8)
    const cookieLow = header.readUInt32BE(12)
    if (heldBytes > PAYLOAD_BYTES_MAX) {
      const refused: FrontRequestStep = { kind: 'refused', reply: replyTo({ cookieHigh, cookieLow }, NBD_ERROR.EINVAL) }
      if (!isWrite) return refused
      this.skipBytes = heldBytes
      this.refused = refused
      return this.next(queue)
    }
    this.missingBytes = isWrite ? heldBytes : 0
    this.begun = { cookieHigh, cookieLow, heldBytes, answerBytes: isWrite ? 0 : heldBytes, header, payload: [] }
    return { kind: 'begun', heldBytes }
  }
}

/** What precedes the data of a read that went well, and all of any other reply. */
export function replyTo({ cookieHigh, cookieLow }: Pick<FrontRequest, 'cookieHigh' | 'cookieLow'>, errno: number): Buffer {
  const header = Buffer.allocUnsafe(16)
  header.writeUInt32BE(REPLY_MAGIC, 0)
  header.writeUInt32BE(errno, 4)
  header.writeUInt32BE(cookieHigh, 8)
  header.writeUInt32BE(cookieLow, 12)
  return header
}

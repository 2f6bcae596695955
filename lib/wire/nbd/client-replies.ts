import type { ByteQueue } from '../byte-queue'
import { REPLY_MAGIC } from './numbers'

/** Cookies are whole numbers; the protocol has room for more than JavaScript holds exactly. */
export type ReplyStep =
  /** The next bytes of a read that goes well so far; they share memory with what was fed. */
  | { readonly kind: 'data'; readonly cookie: number; readonly bytes: Buffer }
  /** The request is over. `errno` 0: it went well, and a read's data is complete. */
  | { readonly kind: 'done'; readonly cookie: number; readonly errno: number }
  | { readonly kind: 'garbage'; readonly reason: string }

export interface ReplyExpectations {
  /** Bytes that a request's good reply carries: what a read asked for, else 0; undefined when nothing of that name is asked. */
  dataBytes(cookie: number): number | undefined
  /** tapdisk: a read's bytes follow even when it failed, and say nothing. */
  readonly dataFollowsErrors: boolean
}

const HEADER_BYTES = 16
const TWO_TO_32 = 2 ** 32

/** Simple replies of one connection. Holds no payload: what has arrived of one is handed out. */
export class NbdReplies {
  private current: { readonly cookie: number; readonly errno: number } | null = null
  private leftBytes = 0
  private broken: string | null = null

  constructor(private readonly expected: ReplyExpectations) {}

  /** The next step that the bytes allow, or null when more are needed. After `garbage` it must not be called. */
  next(queue: ByteQueue): ReplyStep | null {
    if (this.broken !== null) return { kind: 'garbage', reason: this.broken }
    if (this.current === null) {
      const header = queue.take(HEADER_BYTES)
      if (header === null) return null
      const garbage = this.begin(header)
      if (garbage !== null) return { kind: 'garbage', reason: garbage }
    }
    return this.carryOn(queue)
  }

  private begin(header: Buffer): string | null {
    if (header.readUInt32BE(0) !== REPLY_MAGIC) return 'a reply without its magic number'
    const error = header.readInt32BE(4)
    const cookie = header.readUInt32BE(8) * TWO_TO_32 + header.readUInt32BE(12)
    const bytes = this.expected.dataBytes(cookie)
    if (bytes === undefined) return 'a reply to nothing that was asked'
    this.current = { cookie, errno: Math.abs(error) }
    this.leftBytes = error === 0 || this.expected.dataFollowsErrors ? bytes : 0
    // Only tapdisk counts errors from below, so stale bytes of the disk may follow; read as replies they could confirm anything.
    if (error < 0 && bytes > 0 && !this.expected.dataFollowsErrors) this.broken = "a failed read in tapdisk's dialect"
    return null
  }

  private carryOn(queue: ByteQueue): ReplyStep | null {
    if (this.current === null) return null
    const { cookie, errno } = this.current
    if (errno !== 0) this.leftBytes -= queue.skip(this.leftBytes)
    if (this.leftBytes === 0) {
      this.current = null
      return { kind: 'done', cookie, errno }
    }
    const bytes = queue.take(Math.min(queue.length, this.leftBytes))
    if (bytes === null || bytes.length === 0) return null
    this.leftBytes -= bytes.length
    return { kind: 'data', cookie, bytes }
  }
}

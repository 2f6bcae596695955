import type { ByteQueue } from '../byte-queue'
import { COMMAND, COMMAND_FLAG, NBD_ERROR, PAYLOAD_BYTES_MAX, REPLY_MAGIC, REQUEST_MAGIC, sendableError } from './numbers'

interface Asked {
  /** The client's name of the request; the reply repeats it. */
  readonly cookie: bigint
  /** The flag as sent. */
  readonly fua: boolean
}
/** A request that is well formed and inside the export. Offsets and lengths in bytes; no length is zero. */
export type NbdRequest =
  | (Asked & { readonly kind: 'read' | 'trim'; readonly offset: number; readonly length: number })
  | (Asked & { readonly kind: 'write'; readonly offset: number; readonly length: number; readonly data: Buffer })
  /** `punch`: the space may be given back. */
  | (Asked & { readonly kind: 'zero'; readonly offset: number; readonly length: number; readonly punch: boolean })
  | (Asked & { readonly kind: 'flush' })

export type RequestStep =
  | { readonly kind: 'request'; readonly request: NbdRequest }
  /** Answered by the codec itself: refused, or nothing to do. */
  | { readonly kind: 'answered'; readonly cookie: bigint; readonly error: number }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'garbage'; readonly reason: string }

interface Header {
  readonly flags: number
  readonly command: number
  readonly cookie: bigint
  /** A bigint until it is known to be inside the export. */
  readonly offset: bigint
  readonly length: number
}

const HEADER_BYTES = 28
const COMMANDS: ReadonlySet<number> = new Set(Object.values(COMMAND))
const CHANGING: ReadonlySet<number> = new Set([COMMAND.write, COMMAND.trim, COMMAND.writeZeroes])

/** Requests of one connection after the negotiation. Oversized payloads are skipped, never held. */
export class NbdRequests {
  private header: Header | null = null
  private skipBytes = 0

  constructor(
    private readonly sizeBytes: number,
    private readonly readOnly: boolean,
  ) {}

  /** The next step that the bytes allow, or null when more are needed. After `garbage` it must not be called. */
  next(queue: ByteQueue): RequestStep | null {
    this.skipBytes -= queue.skip(this.skipBytes)
    if (this.skipBytes > 0) return null
    if (this.header === null) {
      const bytes = queue.take(HEADER_BYTES)
      if (bytes === null) return null
      if (bytes.readUInt32BE(0) !== REQUEST_MAGIC) return { kind: 'garbage', reason: 'a request without its magic number' }
      this.header = readHeader(bytes)
    }
    const { command, length, cookie } = this.header
    if (command === COMMAND.disconnect) return { kind: 'disconnect' }
    const error = this.objection(this.header)
    if (error !== NBD_ERROR.none || (length === 0 && command !== COMMAND.flush)) {
      if (command === COMMAND.write) this.skipBytes = length
      this.header = null
      return { kind: 'answered', cookie, error }
    }
    const data = command === COMMAND.write ? queue.take(length) : null
    if (command === COMMAND.write && data === null) return null
    const request = asRequest(this.header, data)
    this.header = null
    return { kind: 'request', request }
  }

  private objection({ command, flags, offset, length }: Header): number {
    if (!COMMANDS.has(command)) return NBD_ERROR.EINVAL
    const allowed = command === COMMAND.writeZeroes ? COMMAND_FLAG.fua | COMMAND_FLAG.noHole : COMMAND_FLAG.fua
    if ((flags & ~allowed) !== 0) return NBD_ERROR.EINVAL
    if (command === COMMAND.flush) return NBD_ERROR.none
    if (this.readOnly && CHANGING.has(command)) return NBD_ERROR.EPERM
    if ((command === COMMAND.read || command === COMMAND.write) && length > PAYLOAD_BYTES_MAX) return NBD_ERROR.EINVAL
    if (offset + BigInt(length) <= BigInt(this.sizeBytes)) return NBD_ERROR.none
    return command === COMMAND.write || command === COMMAND.writeZeroes ? NBD_ERROR.ENOSPC : NBD_ERROR.EINVAL
  }
}

const readHeader = (bytes: Buffer): Header => ({
  flags: bytes.readUInt16BE(4),
  command: bytes.readUInt16BE(6),
  cookie: bytes.readBigUInt64BE(8),
  offset: bytes.readBigUInt64BE(16),
  length: bytes.readUInt32BE(24),
})

function asRequest(header: Header, data: Buffer | null): NbdRequest {
  const { command, cookie, length, flags } = header
  const common = { cookie, fua: (flags & COMMAND_FLAG.fua) !== 0 }
  const offset = Number(header.offset)
  if (data !== null) return { ...common, kind: 'write', offset, length, data }
  if (command === COMMAND.flush) return { ...common, kind: 'flush' }
  if (command === COMMAND.writeZeroes)
    return { ...common, kind: 'zero', offset, length, punch: (flags & COMMAND_FLAG.noHole) === 0 }
  return { ...common, kind: command === COMMAND.trim ? 'trim' : 'read', offset, length }
}

/** What precedes the data of a read that went well, and all of any other reply. */
export function replyHeader(cookie: bigint, errno: number): Buffer {
  const bytes = Buffer.allocUnsafe(16)
  bytes.writeUInt32BE(REPLY_MAGIC, 0)
  bytes.writeUInt32BE(sendableError(errno), 4)
  bytes.writeBigUInt64BE(cookie, 8)
  return bytes
}

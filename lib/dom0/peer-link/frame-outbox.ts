import type { Socket } from 'node:net'
import type { Memory } from '../../wire/nbd/slab'
import type { Envelope } from '../../wire/peer-envelope'
import { payloadOf, putEnvelope } from '../../wire/peer-encode'
import { PEER_HEADER_BYTES } from '../../wire/peer-header'

export interface OutboxLimits {
  /** Bytes: a payload that is not larger is copied behind its header. */
  readonly copied: number
  /** Bytes of the memory in which frames that leave together are collected. */
  readonly sheet: number
  /** Pieces that the socket is given before it has got rid of others. */
  readonly atOnce: number
}

/** For the system: copying so much costs less than naming it as one more piece. */
export const PLAIN_LIMITS: OutboxLimits = { copied: 8 * 1024, sheet: 64 * 1024, atOnce: Infinity }
/** For Node's TLS: several pieces at once are joined in fresh memory, so it gets one each turn, and the next ones grow meanwhile. */
export const TLS_LIMITS: OutboxLimits = { copied: 128 * 1024, sheet: 256 * 1024, atOnce: 1 }
/** As long as nothing with a payload was sent. */
const FIRST_SHEET_BYTES = 4 * 1024

/** Memory that frames are written to one after the other. */
interface Sheet {
  readonly bytes: Buffer
  /** Pieces of it that have not left. */
  leaving: number
  isFull: boolean
}

interface Piece {
  readonly bytes: Buffer
  /** Null: the frame's own data. */
  readonly sheet: Sheet | null
}

/** Frames on their way over one connection. Those of one turn of the loop leave together. */
export class FrameOutbox {
  private sheet: Sheet | null = null
  private start = 0
  private at = 0
  private pieces: Piece[] = []
  private sheetBytes = FIRST_SHEET_BYTES
  private scheduled = false
  private leaving = 0
  private closed = false

  constructor(
    private readonly socket: Socket,
    private readonly memory: Memory,
    private readonly limits: OutboxLimits,
  ) {}

  send(envelope: Envelope): void {
    if (this.closed) return
    const payload = payloadOf(envelope.frame)
    if (payload.length > 0) this.sheetBytes = this.limits.sheet
    const isCopied = payload.length <= this.limits.copied
    const { bytes } = this.room(PEER_HEADER_BYTES + (isCopied ? payload.length : 0))
    putEnvelope(envelope, payload.length, bytes, this.at)
    this.at += PEER_HEADER_BYTES
    if (isCopied) this.at += payload.copy(bytes, this.at)
    else {
      this.cut()
      this.pieces.push({ bytes: payload, sheet: null })
    }
    this.flushSoon()
  }

  /** Hands over what there is. What the socket does not get rid of is its own affair, and the garbage collector's. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.cut()
    for (const { bytes } of this.pieces.splice(0)) this.socket.write(bytes)
  }

  private flushSoon(): void {
    if (this.scheduled) return
    this.scheduled = true
    process.nextTick(() => {
      this.scheduled = false
      this.flush()
    })
  }

  private flush(): void {
    if (this.closed) return
    this.cut()
    const room = this.limits.atOnce - this.leaving
    const pieces = this.pieces.splice(0, room)
    const last = pieces.at(-1)
    if (last === undefined) return
    this.leaving += pieces.length
    this.socket.cork()
    for (const piece of pieces) if (piece !== last) this.socket.write(piece.bytes)
    this.socket.write(last.bytes, () => this.left(pieces))
    this.socket.uncork()
  }

  private left(pieces: readonly Piece[]): void {
    if (this.closed) return
    this.leaving -= pieces.length
    for (const { sheet } of pieces) {
      if (sheet === null) continue
      sheet.leaving--
      if (sheet.isFull) this.settle(sheet)
      else if (sheet.leaving === 0 && this.start === this.at) this.start = this.at = 0
    }
    this.flush()
  }

  private settle(sheet: Sheet): void {
    if (sheet.isFull && sheet.leaving === 0) this.memory.takeBack(sheet.bytes)
  }

  /** A sheet with so much room at `at`. */
  private room(bytes: number): Sheet {
    const { sheet } = this
    if (sheet !== null) {
      if (this.at + bytes <= sheet.bytes.length) return sheet
      this.cut()
      sheet.isFull = true
      this.settle(sheet)
    }
    this.start = this.at = 0
    this.sheet = { bytes: this.memory.lend(Math.max(bytes, this.sheetBytes)), leaving: 0, isFull: false }
    return this.sheet
  }

  private cut(): void {
    const { sheet } = this
    if (sheet === null || this.start === this.at) return
    sheet.leaving++
    this.pieces.push({ bytes: sheet.bytes.subarray(this.start, this.at), sheet })
    this.start = this.at
  }
}

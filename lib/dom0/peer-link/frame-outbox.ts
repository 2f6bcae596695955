import type { Memory } from '../../wire/nbd/slab'
import type { Envelope } from '../../wire/peer-envelope'
import { payloadOf, prefaceOf, putEnvelope } from '../../wire/peer-encode'
import { PEER_HEADER_BYTES } from '../../wire/peer-header'
import { TurnEnd } from '../socket/turn-end'
import type { Pipe } from './pipe'

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
  private leavingBytes = 0
  private closed = false
  private readonly turnEnd = new TurnEnd(() => this.flush())

  constructor(
    private readonly pipe: Pipe,
    private readonly memory: Memory,
  ) {}

  send(envelope: Envelope): void {
    if (this.closed) return
    const preface = prefaceOf(envelope.frame)
    const payload = payloadOf(envelope.frame)
    const { limits } = this.pipe
    if (payload.length > 0) this.sheetBytes = limits.sheet
    const isCopied = payload.length <= limits.copied
    const { bytes } = this.room(PEER_HEADER_BYTES + preface.length + (isCopied ? payload.length : 0))
    putEnvelope(envelope, preface.length + payload.length, bytes, this.at)
    this.at += PEER_HEADER_BYTES
    if (preface.length > 0) this.at += preface.copy(bytes, this.at)
    if (isCopied) this.at += payload.copy(bytes, this.at)
    else {
      this.cut()
      this.pieces.push({ bytes: payload, sheet: null })
    }
    this.turnEnd.ask()
  }

  /** Hands over what there is, if `say`. What does not leave is left to the garbage collector. */
  close(say: boolean): void {
    if (this.closed) return
    this.closed = true
    this.cut()
    const pieces = this.pieces.splice(0)
    if (say && pieces.length > 0)
      this.pipe.send(
        pieces.map(({ bytes }) => bytes),
        () => undefined,
      )
  }

  private flush(): void {
    if (this.closed) return
    this.cut()
    const pieces = this.pieces.splice(0, this.piecesNow())
    if (pieces.length === 0) return
    const bytes = bytesOf(pieces)
    this.leavingBytes += bytes
    this.pipe.send(
      pieces.map((piece) => piece.bytes),
      () => this.left(pieces, bytes),
    )
  }

  /** How many of them the pipe is to have now. */
  private piecesNow(): number {
    let count = 0
    let ahead = this.leavingBytes
    for (const { bytes } of this.pieces) {
      if (ahead >= this.pipe.limits.ahead) break
      ahead += bytes.length
      count++
    }
    return count
  }

  private left(pieces: readonly Piece[], bytes: number): void {
    if (this.closed) return
    this.leavingBytes -= bytes
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

const bytesOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { bytes }) => sum + bytes.length, 0)

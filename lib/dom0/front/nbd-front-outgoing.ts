import type { Writable } from 'node:stream'

/** Bytes for one socket that leave together; those that lie side by side in memory, as a header and its payload do, in one piece. */
export class Outgoing {
  private readonly pieces: Buffer[] = []

  add(bytes: Buffer): void {
    const last = this.pieces.at(-1)
    if (last === undefined || last.buffer !== bytes.buffer || last.byteOffset + last.length !== bytes.byteOffset) {
      this.pieces.push(bytes)
    } else {
      this.pieces[this.pieces.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length)
    }
  }

  flush(socket: Writable): void {
    const pieces = this.pieces.splice(0)
    if (pieces.length > 1) socket.cork()
    for (const piece of pieces) socket.write(piece)
    if (pieces.length > 1) socket.uncork()
  }

  /** Whom they were for is gone. */
  clear(): void {
    this.pieces.length = 0
  }
}

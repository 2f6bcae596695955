/** Cuts a byte stream into lines of at most `lineBytesMax` bytes (without the newline). Text is UTF-8. */
export class LineSplitter {
  private pieces: Buffer[] = []
  private heldBytes = 0

  constructor(private readonly lineBytesMax: number) {}

  /** The lines that `chunk` completes, or 'too-long'; then the stream is of no more use. */
  push(chunk: Buffer): readonly string[] | 'too-long' {
    const lines: string[] = []
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      if (!this.hold(chunk.subarray(from, end))) return 'too-long'
      lines.push(Buffer.concat(this.pieces).toString('utf8'))
      this.pieces = []
      this.heldBytes = 0
      from = end + 1
    }
    return this.hold(chunk.subarray(from)) ? lines : 'too-long'
  }

  private hold(piece: Buffer): boolean {
    this.heldBytes += piece.length
    if (piece.length > 0) this.pieces.push(piece)
    return this.heldBytes <= this.lineBytesMax
  }
}

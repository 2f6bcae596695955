import { connect, type Socket } from 'node:net'

/** Speaks NBD as tapdisk does: the oldest negotiation with its own name and a NUL, then types 0, 1 and 2 only. */
export class TapdiskClient {
  private held = Buffer.alloc(0)
  private waiting: { bytes: number; resolve: (bytes: Buffer) => void; reject: (error: Error) => void } | null = null
  private ended: Error | null = null
  private asked = 0

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.held = Buffer.concat([this.held, chunk])
      this.serve()
    })
    socket.on('error', () => this.end())
    socket.on('close', () => this.end())
  }

  /** Resolves with the size that the server told. */
  static async open(path: string): Promise<{ client: TapdiskClient; sizeBytes: number; greeting: Buffer }> {
    const client = new TapdiskClient(connect(path))
    const greeting = await client.take(18)
    client.socket.write(Buffer.from('00000003', 'hex'))
    client.socket.write(Buffer.from('49484156454f5054000000010000000f7461706469736b5f636c69656e7400', 'hex'))
    const answer = await client.take(10)
    return { client, sizeBytes: Number(answer.readBigUInt64BE(0)), greeting }
  }

  /** Sends a request without waiting; the handle is `td%05x` and a NUL. */
  send(type: 0 | 1 | 2, offset: number, length: number, data = Buffer.alloc(0)): string {
    const handle = `td${(this.asked++).toString(16).padStart(5, '0')}\0`
    const header = Buffer.alloc(28)
    header.writeUInt32BE(0x25609513, 0)
    header.writeUInt32BE(type, 4)
    header.write(handle, 8, 'latin1')
    header.writeBigUInt64BE(BigInt(offset), 16)
    header.writeUInt32BE(length, 24)
    this.socket.write(Buffer.concat([header, data]))
    return handle
  }

  async reply(dataBytes: number): Promise<{ handle: string; error: number; data: Buffer }> {
    const header = await this.take(16)
    if (header.readUInt32BE(0) !== 0x67446698) throw new Error('a reply without its magic number')
    const error = header.readUInt32BE(4)
    return { handle: header.toString('latin1', 8), error, data: error === 0 ? await this.take(dataBytes) : Buffer.alloc(0) }
  }

  /** Rejects when the connection ends first. */
  take(bytes: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.waiting = { bytes, resolve, reject }
      this.serve()
    })
  }

  private end(): void {
    this.ended = new Error('the server closed the connection')
    this.serve()
  }

  private serve(): void {
    const { waiting } = this
    if (waiting === null) return
    if (this.held.length >= waiting.bytes) {
      this.waiting = null
      const bytes = this.held.subarray(0, waiting.bytes)
      this.held = this.held.subarray(waiting.bytes)
      waiting.resolve(bytes)
    } else if (this.ended !== null) {
      this.waiting = null
      waiting.reject(this.ended)
    }
  }
}

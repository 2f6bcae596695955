import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { NbdSource } from '../../lib/wire/replica-source'

const GREETING = Buffer.from('4e42444d4147494349484156454f50540003', 'hex')
const SLOTS = 8

/**
 * Serves a disk as tapdisk's NBD server does, sharp edges included: it knows EXPORT_NAME only, has eight slots and no offset between
 * sectors, offers nothing, and a failed read is followed by bytes that say nothing. What a real one would choke on is a complaint.
 */
export class TapdiskServer {
  readonly complaints: string[] = []
  readonly types: number[] = []
  mostAtOnce = 0
  /** Requests that touch this byte fail with EIO. */
  badByte = -1
  private readonly server: Server
  private readonly clients = new Set<TapdiskConnection>()

  private constructor(
    readonly disk: Buffer,
    readonly source: NbdSource,
  ) {
    this.server = createServer((socket) => {
      const client = new TapdiskConnection(this, socket)
      this.clients.add(client)
      socket.once('close', () => this.clients.delete(client))
    })
  }

  static async start(folder: string, sizeBytes: number): Promise<TapdiskServer> {
    const unix = join(folder, 'tapdisk.sock')
    const source = { kind: 'nbd', address: { unix }, exportName: 'any name', dialect: 'tapdisk' } as const
    const made = new TapdiskServer(Buffer.alloc(sizeBytes), source)
    made.server.listen(unix)
    await once(made.server, 'listening')
    return made
  }

  async stop(): Promise<void> {
    this.server.close()
    for (const client of this.clients) client.socket.destroy()
    await once(this.server, 'close')
  }
}

class TapdiskConnection {
  private held = Buffer.alloc(0)
  private phase: 'flags' | 'option' | 'requests' = 'flags'
  private under = 0

  constructor(
    private readonly owner: TapdiskServer,
    readonly socket: Socket,
  ) {
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.held = Buffer.concat([this.held, chunk])
      while (!socket.destroyed && this.understand());
    })
    socket.write(GREETING)
  }

  private understand(): boolean {
    if (this.phase === 'flags') {
      if (this.held.length < 4) return false
      if (this.take(4)?.toString('hex') !== '00000003') return this.complain('client flags')
      this.phase = 'option'
      return true
    }
    return this.phase === 'option' ? this.option() : this.request()
  }

  private option(): boolean {
    if (this.held.length < 16) return false
    const length = this.held.readUInt32BE(12)
    if (this.held.readUInt32BE(8) !== 1) return this.complain(`option ${this.held.readUInt32BE(8)}`)
    if (this.held.length < 16 + length) return false
    this.take(16 + length)
    const answer = Buffer.alloc(10)
    answer.writeBigUInt64BE(BigInt(this.owner.disk.length), 0)
    answer.writeUInt16BE(1, 8)
    this.socket.write(answer)
    this.phase = 'requests'
    return true
  }

  private request(): boolean {
    if (this.held.length < 28) return false
    const type = this.held.readUInt32BE(4)
    const offset = Number(this.held.readBigUInt64BE(16))
    const length = this.held.readUInt32BE(24)
    if (type === 1 && this.held.length < 28 + length) return false
    const header = this.take(28) ?? Buffer.alloc(28)
    this.owner.types.push(type)
    if (header.readUInt32BE(0) !== 0x25609513) return this.complain('magic')
    if (type === 2) {
      this.socket.end()
      return false
    }
    if (type > 1) return this.complain(`request of type 0x${type.toString(16)}`)
    if (offset % 512 !== 0 || length % 512 !== 0) return this.complain(`${length} bytes at ${offset}`)
    if (++this.under > SLOTS) return this.complain('a ninth request')
    this.owner.mostAtOnce = Math.max(this.owner.mostAtOnce, this.under)
    const data = type === 1 ? Buffer.from(this.take(length) ?? []) : null
    // Out of order: the even sectors are slower.
    if ((offset / 512) % 2 === 0) setImmediate(() => setImmediate(() => this.serve(header, offset, length, data)))
    else setImmediate(() => this.serve(header, offset, length, data))
    return true
  }

  private serve(header: Buffer, offset: number, length: number, data: Buffer | null): void {
    this.under--
    const { disk, badByte } = this.owner
    const failed = badByte >= offset && badByte < offset + length
    const reply = Buffer.alloc(16)
    reply.writeUInt32BE(0x67446698, 0)
    reply.writeInt32BE(failed ? -5 : 0, 4)
    header.copy(reply, 8, 8, 16)
    if (data !== null && !failed) data.copy(disk, offset)
    if (this.socket.destroyed) return
    this.socket.write(reply)
    if (data === null)
      this.socket.write(failed ? Buffer.alloc(length, 0x67) : Buffer.from(disk.subarray(offset, offset + length)))
  }

  private take(bytes: number): Buffer | null {
    if (this.held.length < bytes) return null
    const taken = this.held.subarray(0, bytes)
    this.held = this.held.subarray(bytes)
    return taken
  }

  private complain(text: string): false {
    this.owner.complaints.push(text)
    this.socket.destroy()
    return false
  }
}

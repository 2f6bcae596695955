import { connect, createServer, type Server, type Socket } from 'node:net'

/** A piece of wire between an address and the real port behind it, to be cut, stalled and mended. */
export class Relay {
  private readonly pairs = new Set<readonly [Socket, Socket]>()
  private server: Server | null = null
  private stalled = false
  /** Bytes that went from client to server. */
  forwarded = 0

  constructor(
    private readonly address: string,
    private readonly port: number,
    private readonly behind: number,
  ) {}

  get connections(): number {
    return this.pairs.size
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server = createServer((client) => this.join(client))
      this.server.once('error', reject)
      this.server.listen({ host: this.address, port: this.port }, resolve)
    })
  }

  /** Resets every connection; new ones are accepted. */
  cut(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.resetAndDestroy()
  }

  /** Nothing passes any more, nothing is closed. */
  stall(): void {
    this.stalled = true
    for (const pair of this.pairs) for (const socket of pair) socket.pause()
  }

  mend(): void {
    this.stalled = false
    for (const pair of this.pairs) for (const socket of pair) socket.resume()
  }

  /** Also refuses new connections. */
  async close(): Promise<void> {
    const { server } = this
    this.server = null
    if (server === null) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    this.cut()
    await closed
  }

  private join(client: Socket): void {
    const server = connect({ host: this.address, port: this.behind })
    const pair = [client, server] as const
    this.pairs.add(pair)
    client.on('data', (chunk: Buffer) => {
      this.forwarded += chunk.length
      server.write(chunk)
    })
    server.on('data', (chunk: Buffer) => client.write(chunk))
    for (const [from, to] of [pair, [server, client] as const]) {
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.pairs.delete(pair)
        to.destroy()
      })
      if (this.stalled) from.pause()
    }
  }
}

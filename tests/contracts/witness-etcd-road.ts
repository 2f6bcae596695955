import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A road to one TCP server on which one message can be held back by what is in it, and arrive long after its sender gave up. The
 * client asks before it changes; what is held must be the change.
 */
export class PickyRoad {
  /** What the server answered to what was held. */
  answers = ''
  private pattern: string | null = null
  private held: { readonly upstream: Socket; readonly chunks: Buffer[] } | null = null
  private kept: Socket | null = null
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async to(target: string): Promise<PickyRoad> {
    const { hostname, port } = new URL(target)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const road = new PickyRoad(server, typeof address === 'object' && address !== null ? address.port : 0)
    server.on('connection', (socket) => road.join(socket, connect(Number(port), hostname)))
    return road
  }

  /** The next message with this in it, and what follows on its connection, waits for `release`. */
  holdNext(pattern: string): void {
    this.pattern = pattern
  }

  get isHolding(): boolean {
    return this.held !== null
  }

  release(): void {
    const { held } = this
    if (held === null) throw new Error('nothing is held')
    this.held = null
    held.upstream.on('data', (chunk: Buffer) => (this.answers += chunk.toString()))
    for (const chunk of held.chunks) held.upstream.write(chunk)
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private join(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) {
      this.sockets.add(socket)
      socket.on('error', () => socket.destroy())
    }
    client.on('data', (chunk: Buffer) => {
      if (this.pattern !== null && chunk.includes(this.pattern)) {
        this.pattern = null
        this.held = { upstream, chunks: [] }
        this.kept = upstream
      }
      if (this.held?.upstream === upstream) this.held.chunks.push(chunk)
      else upstream.write(chunk)
    })
    // What is held arrives although its sender has left.
    client.once('close', () => {
      if (this.kept !== upstream) upstream.destroy()
    })
    upstream.on('data', (chunk: Buffer) => client.write(chunk))
    upstream.once('close', () => client.destroy())
  }
}

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

interface Way {
  readonly client: Socket
  readonly server: Socket
  /** What was asked meanwhile; null: it passes. */
  held: Buffer[] | null
}

/** A road to a port of this machine on which requests can be held up, and arrive long after their sender has given up. */
export class HeldRoad {
  readonly #ways = new Set<Way>()
  #server!: Server

  static async to(port: number): Promise<HeldRoad> {
    const road = new HeldRoad()
    road.#server = createServer((client) => road.#join(client, port))
    await new Promise<void>((resolve, reject) => {
      road.#server.once('error', reject).listen({ host: '127.0.0.1', port: 0 }, resolve)
    })
    return road
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get heldBytes(): number {
    return [...this.#ways].flatMap(({ held }) => held ?? []).reduce((sum, { length }) => sum + length, 0)
  }

  /** What is sent from now on over the connections there are stays on the road, also when its sender hangs up. New ones pass. */
  hold(): void {
    for (const way of this.#ways) way.held ??= []
  }

  /** Resolves when all that was held has been answered by the server, or the server has ended the connection. */
  async release(): Promise<void> {
    await Promise.all(
      [...this.#ways].map(async (way) => {
        const { held, server, client } = way
        way.held = null
        if (held === null || held.length === 0 || server.destroyed || server.readableEnded) return
        const heard = new Promise<void>((resolve) => {
          for (const event of ['data', 'end', 'close']) server.once(event, () => resolve())
        })
        server.write(Buffer.concat(held))
        await heard
        if (client.destroyed) server.destroy()
      }),
    )
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const { client, server } of this.#ways) for (const socket of [client, server]) socket.destroy()
    await closed
  }

  #join(client: Socket, port: number): void {
    const server = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    const way: Way = { client, server, held: null }
    this.#ways.add(way)
    client.on('data', (chunk: Buffer) => {
      if (way.held === null) server.write(chunk)
      else way.held.push(chunk)
    })
    server.on('data', (chunk: Buffer) => client.write(chunk))
    for (const socket of [client, server]) socket.on('error', () => socket.destroy())
    client.on('close', () => {
      if (way.held === null) server.destroy()
    })
    server.on('end', () => server.end())
    server.on('close', () => {
      this.#ways.delete(way)
      client.destroy()
    })
  }
}

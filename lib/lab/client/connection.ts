import { createClient } from 'redis'

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

/** The server did not do what was asked of it in time, or at all; the connection is of no more use. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

const CONNECT_MS = 500

/** One redis connection that never queues, never reconnects by itself and never waits longer than it is told. */
export class Connection {
  readonly #client
  #lost: string | null = null

  private constructor(address: RedisAddress) {
    this.#client = createClient({
      socket: { ...address, connectTimeout: CONNECT_MS, reconnectStrategy: false },
      disableOfflineQueue: true,
      disableClientInfo: true,
    })
    // Without a listener the package ends the process; the failed command tells the same story.
    this.#client.on('error', (error: Error) => {
      this.#lost ??= error.message
    })
  }

  static async open(address: RedisAddress): Promise<Connection> {
    const connection = new Connection(address)
    await connection.#within(connection.#client.connect(), 2 * CONNECT_MS)
    return connection
  }

  async set(key: string, value: string, limitMs: number): Promise<void> {
    await this.#within(this.#client.set(key, value), limitMs)
  }

  getMany(keys: readonly string[], limitMs: number): Promise<(string | null)[]> {
    return this.#within(this.#client.mGet([...keys]), limitMs)
  }

  close(): void {
    if (this.#client.isOpen) this.#client.destroy()
  }

  async #within<T>(work: Promise<T>, limitMs: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new ConnectionLost(`no answer in ${limitMs} ms`)), limitMs)
    })
    try {
      return await Promise.race([work, limit])
    } catch (error) {
      this.close()
      if (error instanceof ConnectionLost) throw error
      throw new ConnectionLost(this.#lost ?? (error instanceof Error ? error.message : String(error)))
    } finally {
      clearTimeout(timer)
    }
  }
}

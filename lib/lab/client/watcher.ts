import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from 'redis'
import type { RedisAddress } from './connection'
import { monotonicMs } from './record'

/** An answer that reached the client: from which start of the server, and when (monotonic machine time). */
export interface Sighting {
  readonly run: string
  readonly at: number
}

export interface WatcherOptions {
  readonly address: RedisAddress
  readonly journal: string
  /** Between an answer and the next question on the same connection. */
  readonly paceMs: number
}

const SILENT_MS = 500
const RETRY_MS = 50

/**
 * Keeps every connection it ever made and goes on asking on all of them, however long one is silent: a server that was believed
 * dead, and answers again, is seen. When the newest one is silent a new one is made.
 */
export async function watchServers({ address, journal, paceMs }: WatcherOptions, stop: AbortSignal): Promise<void> {
  const file = openSync(journal, 'a', 0o644)
  let eyes: Eye[] = []
  try {
    while (!stop.aborted) {
      eyes = eyes.filter(({ closed }) => !closed)
      if (eyes.every(({ lastAtMs }) => lastAtMs < monotonicMs() - SILENT_MS)) {
        const eye = new Eye(address, paceMs, (seen) => writeSync(file, `${JSON.stringify(seen)}\n`))
        eyes.push(eye)
        await eye.firstAnswer(2 * SILENT_MS)
      }
      await pause(RETRY_MS)
    }
  } finally {
    for (const eye of eyes) eye.close()
    closeSync(file)
  }
}

/** Answers of a server after a later one had answered: two were served at once, or the dead came back. */
export function servedTwice(journal: string): readonly Sighting[] {
  const sightings = readFileSync(journal, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Sighting)
  const seen: string[] = []
  return sightings.filter(({ run }) => {
    if (!seen.includes(run)) seen.push(run)
    return run !== seen.at(-1)
  })
}

class Eye {
  readonly #client
  closed = false
  lastAtMs = monotonicMs()

  constructor(
    address: RedisAddress,
    private readonly paceMs: number,
    private readonly seen: (sighting: Sighting) => void,
  ) {
    this.#client = createClient({
      socket: { ...address, connectTimeout: SILENT_MS, reconnectStrategy: false },
      disableOfflineQueue: true,
      disableClientInfo: true,
    })
    // What fails here is a server that is gone: the journal tells by what it does not contain.
    this.#client.on('error', () => this.close())
  }

  async firstAnswer(limitMs: number): Promise<void> {
    try {
      await this.#client.connect()
    } catch {
      this.close()
      return
    }
    await Promise.race([this.#ask(), pause(limitMs)])
    void this.#goOn()
  }

  close(): void {
    if (!this.closed && this.#client.isOpen) this.#client.destroy()
    this.closed = true
  }

  async #goOn(): Promise<void> {
    while (!this.closed) {
      await pause(this.paceMs)
      await this.#ask()
    }
  }

  async #ask(): Promise<void> {
    try {
      const run = /run_id:(\w+)/.exec(await this.#client.info('server'))?.[1]
      if (run === undefined || this.closed) return
      this.lastAtMs = monotonicMs()
      this.seen({ run, at: Math.round(this.lastAtMs) })
    } catch {
      this.close()
    }
  }
}

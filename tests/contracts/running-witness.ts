import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WitnessDaemon } from '../../lib/daemon/witness-daemon'
import { openClaimLog } from '../../lib/dom0/witness/claim-log'
import { type ClaimListener, listenForClaims } from '../../lib/dom0/witness/claim-server'
import { systemClock } from '../../lib/dom0/system/system-clock'
import { connectWitness, type WitnessClient, type WitnessOptions } from '../../lib/dom0/witness/witness-client'
import type { Log } from '../../lib/ports/log'

export const POOL = '99999999-0000-4000-8000-000000000009'
export const KEY = Buffer.alloc(32, 0x5a)

export class KeptLog implements Log {
  readonly lines: string[] = []
  private readonly keep: Log['info'] = (text, facts) => this.lines.push(`${text} ${JSON.stringify(facts ?? {})}`)
  readonly debug = this.keep
  readonly info = this.keep
  readonly warn = this.keep
  readonly error = this.keep
}

/** A witness in this process, with real sockets and a real directory. */
export class RunningWitness {
  private readonly clients: WitnessClient[] = []
  private stopped = false

  private constructor(
    /** What the witness, and its clients, said. */
    readonly log: KeptLog,
    readonly directory: string,
    private readonly listener: ClaimListener,
    private readonly stopLog: () => Promise<void>,
  ) {}

  /** By default a new witness; with the directory of an earlier one it is that one again. */
  static async start(port = 0, directory = mkdtempSync(join(tmpdir(), 'holdfast-witness-'))): Promise<RunningWitness> {
    const log = new KeptLog()
    const claims = await openClaimLog(directory, log)
    const broken = (error: unknown): never => {
      throw error
    }
    const daemon = new WitnessDaemon({ claims, clock: systemClock, log, broken })
    const keyOf = (pool: string) => (pool === POOL ? KEY : null)
    const listener = await listenForClaims({ host: '127.0.0.1', port, keyOf, events: daemon, log, connectionsMax: 20 })
    return new RunningWitness(log, directory, listener, async () => {
      await daemon.settled()
      await claims.close()
    })
  }

  get port(): number {
    return this.listener.port
  }

  connect(changes: Partial<WitnessOptions> = {}): WitnessClient {
    const address = `127.0.0.1:${this.port}`
    const client = connectWitness({ address, pool: POOL, key: KEY, log: this.log, deadlineMs: 20_000, ...changes })
    this.clients.push(client)
    return client
  }

  async stop({ keep = false } = {}): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    for (const client of this.clients) client.close()
    await this.listener.close()
    await this.stopLog()
    if (!keep) rmSync(this.directory, { recursive: true })
  }
}

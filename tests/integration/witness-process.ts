import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { connectWitness, type WitnessClient } from '../../lib/dom0/witness/witness-client'
import { freeze } from '../contracts/frozen'
import { QuietLog } from './quiet-log'

export const POOL = '99999999-0000-4000-8000-000000000009'
export const KEY_OF_BENCH = Buffer.alloc(32, 0x42)

/** The executable, bundled as it is shipped, with a directory and a key of its own. */
export class WitnessBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-witness-'))
  readonly data = join(this.folder, 'data')
  readonly keyFile = join(this.folder, 'pool.key')
  readonly key = KEY_OF_BENCH
  private readonly script = join(this.folder, 'holdfast-witness.js')
  private readonly processes: WitnessProcess[] = []
  private readonly clients: WitnessClient[] = []

  constructor() {
    const entryPoints = [join(__dirname, '..', '..', 'plugin', 'holdfast-witness.ts')]
    buildSync({ entryPoints, bundle: true, platform: 'node', target: 'node20', outfile: this.script, logLevel: 'error' })
    writeFileSync(this.keyFile, this.key.toString('hex'), { mode: 0o600 })
  }

  /** `fileKiB`: no file may become larger; a full disk, as far as the process can tell. */
  launch(args: readonly string[], fileKiB?: number): WitnessProcess {
    const limit = fileKiB === undefined ? '' : `ulimit -f ${fileKiB}; `
    const child = spawn('bash', ['-c', `${limit}exec "$@"`, 'bash', process.execPath, this.script, ...args])
    const witness = new WitnessProcess(child)
    this.processes.push(witness)
    return witness
  }

  async serving(port = 0, fileKiB?: number, data = this.data): Promise<WitnessProcess> {
    const witness = this.launch(['--listen', `127.0.0.1:${port}`, '--data', data, '--key', this.keyFile], fileKiB)
    await witness.serving()
    return witness
  }

  connect(port: number, key = this.key, deadlineMs = 20_000): WitnessClient {
    const client = connectWitness({ address: `127.0.0.1:${port}`, pool: POOL, key, log: new QuietLog(), deadlineMs })
    this.clients.push(client)
    return client
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close()
    await Promise.all(this.processes.map((each) => each.kill('SIGKILL')))
    rmSync(this.folder, { recursive: true })
  }
}

export class WitnessProcess {
  output = ''
  port = 0
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  private over = false

  constructor(private readonly child: ChildProcess) {
    child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()))
    child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()))
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.over = true
        resolve(code ?? signal ?? 'unknown')
      })
    })
  }

  async serving(): Promise<void> {
    const giveUpAt = performance.now() + 30_000
    for (;;) {
      const port = /serving .*"port":(\d+)/.exec(this.output)?.[1]
      if (port !== undefined) {
        this.port = Number(port)
        return
      }
      if (this.over || performance.now() > giveUpAt) throw new Error(`the witness does not serve: ${this.output}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  /** It stands still: what is sent to it is never answered. */
  freeze(): Promise<void> {
    return freeze(this.child.pid ?? NaN)
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | string> {
    if (!this.over) this.child.kill(signal)
    return this.ended
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ChildOptions {
  /** Where its output goes. */
  readonly log: string
  readonly env?: Readonly<Record<string, string>>
}

/** A process that works until it is told to end, and ends with this one however this one ends. */
export class Child {
  readonly pid: number
  readonly #process: ChildProcess
  readonly #log: string
  readonly #ended: Promise<string>
  #fate: string | null = null

  constructor(
    readonly name: string,
    argv: readonly [string, ...string[]],
    { log, env }: ChildOptions,
  ) {
    const output = openSync(log, 'a')
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...argv], {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
    })
    closeSync(output)
    this.#log = log
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (status, signal) => resolve((this.#fate = signal ?? `status ${status ?? 'unknown'}`)))
      this.#process.once('error', (error) => resolve((this.#fate = error.message)))
    })
    this.pid = this.#process.pid ?? 0
  }

  /** Waits until `look` answers something; rejects when the process ends before that, or takes longer than `limitMs`. */
  async until<T>(what: string, look: () => Promise<T | null>, limitMs = 60_000): Promise<T> {
    const giveUpAt = performance.now() + limitMs
    for (;;) {
      const seen = await look()
      if (seen !== null) return seen
      if (this.#fate !== null) throw new Error(`${this.name} ended (${this.#fate}) before ${what}\n${this.log}`)
      if (performance.now() > giveUpAt) throw new Error(`${this.name}: still not ${what} after ${limitMs} ms\n${this.log}`)
      await sleep(20)
    }
  }

  get log(): string {
    return readFileSync(this.#log, 'utf8').split('\n').slice(-LOG_LINES).join('\n')
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    const gone = await Promise.race([this.#ended, sleep(STOP_LIMIT_MS, null, { ref: false })])
    if (gone === null) this.#process.kill('SIGKILL')
    await this.#ended
  }
}
const LOG_LINES = 30
const STOP_LIMIT_MS = 5000

/** Runs a program; resolves with what it printed, rejects with that when it fails. */
export function runToEnd(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    child.once('error', reject)
    child.once('close', (status, signal) => {
      if (status === 0) resolve(printed)
      else reject(new Error(`${program} ended with ${signal ?? `status ${status ?? 'unknown'}`}: ${printed}`))
    })
  })
}

import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../ports/log'

export interface KeptProcessOptions {
  readonly name: string
  /** A script for this Node, and its arguments. */
  readonly argv: readonly string[]
  readonly log: Log
  /** Asked when the process has ended: milliseconds to wait before the next start. */
  readonly pauseMs: () => number
  /** Called before each start. */
  readonly before?: () => void
}

export interface KeptProcess {
  /** Resolves when the process has ended because it was told to; rejects when it cannot be started at all. */
  readonly ended: Promise<void>
  /** Resolves when the process is gone. */
  stop(): Promise<void>
}

/** File I/O of a worker shares these threads; the default of four makes one slow disk hold up the others. */
const IO_THREADS = '16'
const STOP_LIMIT_MS = 5000

/** Runs a script, and again whenever it ends with anything but status 0. It does not outlive this process, however that ends. */
export function keepProcess(options: KeptProcessOptions): KeptProcess {
  const kept = new Kept(options)
  return { ended: kept.run(), stop: () => kept.stop() }
}

class Kept {
  private child: ChildProcess | null = null
  private over: Promise<unknown> = Promise.resolve()
  private readonly told = new AbortController()

  constructor(private readonly options: KeptProcessOptions) {}

  run(): Promise<void> {
    const running = this.lives()
    this.over = running.catch(() => undefined)
    return running
  }

  async stop(): Promise<void> {
    this.told.abort()
    this.child?.kill('SIGTERM')
    const patience = setTimeout(() => this.child?.kill('SIGKILL'), STOP_LIMIT_MS)
    await this.over
    clearTimeout(patience)
  }

  private async lives(): Promise<void> {
    const { name, log, pauseMs, before } = this.options
    while (!this.isTold()) {
      before?.()
      const how = await this.life()
      if (how === '0' || this.isTold()) return
      const waitMs = pauseMs()
      log.warn(`${name} ended and is started again`, { how, waitMs })
      await sleep(waitMs, undefined, { signal: this.told.signal }).catch(() => undefined)
    }
  }

  private isTold(): boolean {
    return this.told.signal.aborted
  }

  /** Resolves with the status or the signal. A session of its own: Ctrl-C is for this process, which then tells the child. */
  private life(): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...this.options.argv], {
        detached: true,
        stdio: ['ignore', 'inherit', 'inherit'],
        cwd: '/',
        env: { ...process.env, UV_THREADPOOL_SIZE: IO_THREADS },
      })
      this.child = child
      child.once('exit', (status, signal) => {
        this.child = null
        resolve(signal ?? String(status))
      })
      child.once('error', reject)
    })
  }
}

import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../ports/log'
import { codeOf } from '../system/system-error'
import { withItsParent } from '../process/with-its-parent'

export interface KeptProcessOptions {
  readonly name: string
  /** What is to be run; asked before each start. */
  readonly life: () => Promise<Life>
  readonly log: Log
  /** Asked when the process has ended: milliseconds to wait before the next start. */
  readonly pauseMs: () => number
}

export interface Life {
  /** Program and arguments. */
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Open files that the process gets after the first three. */
  readonly files: readonly number[]
  /** Called when it has them. */
  readonly started: () => void
}

export interface KeptProcess {
  /** Resolves when the process has ended because it was told to; rejects when it cannot be started at all. */
  readonly ended: Promise<void>
  /** Resolves when the process is gone. */
  stop(): Promise<void>
}

const STOP_LIMIT_MS = 5000

/** Runs a program, and again whenever it ends with anything but status 0. It does not outlive this process, however that ends. */
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
    this.signal('SIGTERM')
    const patience = setTimeout(() => this.signal('SIGKILL'), STOP_LIMIT_MS)
    await this.over
    clearTimeout(patience)
  }

  private async lives(): Promise<void> {
    const { name, log, pauseMs, life } = this.options
    while (!this.isTold()) {
      const how = await this.live(await life())
      if (how === '0' || this.isTold()) return
      const waitMs = pauseMs()
      log.warn(`${name} ended and is started again`, { how, waitMs })
      await sleep(waitMs, undefined, { signal: this.told.signal }).catch(() => undefined)
    }
  }

  private isTold(): boolean {
    return this.told.signal.aborted
  }

  /** To the child and to what it has started. */
  private signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const pid = this.child?.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error
    }
  }

  /** Resolves with the status or the signal. A session of its own: Ctrl-C is for this process, which then tells the child. */
  private live({ command, env, files, started }: Life): Promise<string> {
    return new Promise((resolve, reject) => {
      const [program = '', ...args] = withItsParent(command)
      const stdio = ['ignore', 'inherit', 'inherit', ...files] as const
      const child = spawn(program, args, { detached: true, stdio: [...stdio], cwd: '/', env })
      started()
      this.child = child
      child.once('exit', (status, signal) => {
        this.child = null
        resolve(signal ?? String(status))
      })
      child.once('error', reject)
    })
  }
}

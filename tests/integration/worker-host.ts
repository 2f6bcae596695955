import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HostUuid } from '../../lib/core/domain/ids'
import type { TimelineEntry } from '../../lib/core/domain/timeline'
import { askSocket } from '../../lib/dom0/api/daemon-client'
import { codeOf } from '../../lib/dom0/system/system-error'
import { readTimeline } from '../../lib/dom0/log/timeline-file'
import type { WorkerApi, WorkerSpec, WorkerStatus } from '../../lib/wire/worker-api'

const ASK_LIMIT_MS = 15_000
const WAIT_LIMIT_MS = 30_000

/** Waits for `look` to see what it wants; its absence after a generous time fails the test with what it saw last. */
export async function eventually<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const giveUpAt = performance.now() + WAIT_LIMIT_MS
  for (;;) {
    const seen = await look()
    if (seen !== null) return seen
    if (performance.now() > giveUpAt) throw new Error(`never came true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** One host as its worker sees it: a folder, an image, an `xl`; and the worker's process, which tests kill and start again. */
export class WorkerHost {
  #process: ChildProcess | null = null
  #ended: Promise<string> = Promise.resolve('never started')

  constructor(
    readonly uuid: HostUuid,
    readonly folder: string,
    private readonly script: string,
    private readonly bin: string,
  ) {
    mkdirSync(join(folder, 'disk'), { recursive: true, mode: 0o700 })
  }

  get image(): string {
    return join(this.folder, 'disk', 'disk.raw')
  }

  get timelineFile(): string {
    return join(this.folder, 'timeline', 'worker.jsonl')
  }

  get pid(): number {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error('no worker runs')
    return pid
  }

  get spec(): WorkerSpec {
    return JSON.parse(readFileSync(join(this.folder, 'spec.json'), 'utf8')) as WorkerSpec
  }

  /** As the daemon's supervisor does it. */
  start(spec?: WorkerSpec): void {
    if (spec !== undefined) writeFileSync(join(this.folder, 'spec.json'), JSON.stringify(spec))
    const log = openSync(join(this.folder, 'worker.log'), 'a')
    const child = spawn(process.execPath, [this.script, this.folder], {
      stdio: ['ignore', log, log],
      env: { PATH: `${this.bin}:${process.env['PATH'] ?? ''}`, XL_LOG: join(this.folder, 'xl.log'), UV_THREADPOOL_SIZE: '16' },
    })
    closeSync(log)
    this.#process = child
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        if (this.#process === child) this.#process = null
        resolve(signal ?? String(code))
      })
    })
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.pid, signal)
  }

  /** Resolves with the exit code or signal. */
  async kill(): Promise<string> {
    this.#process?.kill('SIGKILL')
    return this.#ended
  }

  /** Resolves when the process ends by itself. */
  ended(): Promise<string> {
    return this.#ended
  }

  ask<F extends keyof WorkerApi>(fn: F, ask: WorkerApi[F]['ask']): Promise<WorkerApi[F]['answer']> {
    return askSocket<WorkerApi, F>(fn, ask, { socket: join(this.folder, 'control.sock'), limitMs: ASK_LIMIT_MS })
  }

  /** The first status that satisfies `wanted`; a worker that is about to start, or to end, has none. */
  until(what: string, wanted: (status: WorkerStatus) => boolean): Promise<WorkerStatus> {
    let last = 'no status'
    return eventually(what, async () => {
      try {
        const status = await this.ask('status', {})
        last = JSON.stringify(status)
        return wanted(status) ? status : null
      } catch (error) {
        if (codeOf(error) === '') throw error
        return null
      }
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${last}\n${this.log}`)
    })
  }

  get log(): string {
    return readFileSync(join(this.folder, 'worker.log'), 'utf8')
  }

  /** What was asked of the toolstack, one call a line. */
  get xlCalls(): string[] {
    const file = join(this.folder, 'xl.log')
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  }

  /** Acts on the timeline, oldest first. */
  get timeline(): TimelineEntry[] {
    return readTimeline(join(this.folder, 'timeline'))
  }

  acts(act: string): TimelineEntry[] {
    return this.timeline.filter((entry) => entry.act === act)
  }
}

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { askSocket } from '../../lib/dom0/api/daemon-client'
import { codeOf } from '../../lib/dom0/system/system-error'
import type { WorkerApi, WorkerStatus } from '../../lib/wire/worker-api'
import type { MirrorPair } from './mirror-pair'
import { eventually } from './worker-host'

const ASK_LIMIT_MS = 15_000

export interface OwnProcess {
  readonly pid: number
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  log(): string
  kill(signal?: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<number | string>
}

/** A script of ours; its log begins where what an earlier one wrote ends. */
export function ownProcess(argv: readonly string[], logFile: string): OwnProcess {
  const output = openSync(logFile, 'a')
  const begin = fstatSync(output).size
  const child: ChildProcess = spawn(process.execPath, [...argv], { stdio: ['ignore', output, output] })
  closeSync(output)
  let over = false
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      over = true
      resolve(code ?? signal ?? 'unknown')
    })
  })
  return {
    pid: child.pid ?? 0,
    ended,
    log: () => readFileSync(logFile).toString('utf8', begin),
    kill: (signal = 'SIGKILL') => {
      if (!over) child.kill(signal)
      return ended
    },
  }
}

export interface Shown {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** One machine of a pair: `holdfast mirror serve` in its foreground, and the commands that an operator types beside it. */
export class MirrorSide {
  readonly folder: string
  readonly image: string
  readonly socket: string
  #serve: OwnProcess | null = null

  constructor(
    readonly name: string,
    private readonly pair: MirrorPair,
  ) {
    this.folder = join(pair.folder, name)
    this.image = join(pair.folder, `${name}.img`)
    this.socket = join(pair.folder, `${name}.sock`)
  }

  /** Of `mirror serve`; a later one of the same name overrides what is here. */
  arguments(...more: string[]): string[] {
    const other = this.name === 'a' ? 'b' : 'a'
    return [
      ...['--name', 'orders', '--host', this.name, '--size', this.pair.size, '--replica', `file:${this.image}`],
      ...['--listen', `unix:${this.socket}`, '--link', this.pair.links(this.name), '--folder', this.folder],
      ...['--peer', `${other}=${this.pair.links(other)}`, '--witness', this.pair.witness, '--key', this.pair.keyFile, ...more],
    ]
  }

  start(...more: string[]): void {
    this.startAs(this.arguments(...more))
  }

  startAs(given: readonly string[]): void {
    this.#serve = ownProcess([this.pair.holdfast, 'mirror', 'serve', ...given], join(this.pair.folder, `${this.name}.log`))
  }

  get serve(): OwnProcess {
    if (this.#serve === null) throw new Error(`${this.name} was never started`)
    return this.#serve
  }

  /** The process that carries the disk, started by its minder; null while none runs. */
  get workerPid(): number | null {
    const grandchildren = childrenOf(this.serve.pid).flatMap(childrenOf)
    return grandchildren.find((pid) => readIfThere(`/proc/${pid}/cmdline`).includes('holdfast-worker')) ?? null
  }

  killWorker(): Promise<void> {
    return eventually('a worker to kill', () => {
      const pid = this.workerPid
      if (pid !== null) process.kill(pid, 'SIGKILL')
      return Promise.resolve(pid)
    }).then(() => undefined)
  }

  /** Everything of this side is gone when it resolves, as after a power cut. */
  async kill(): Promise<void> {
    if (this.#serve === null) return
    const worker = this.workerPid
    await this.#serve.kill()
    if (worker !== null) await gone(worker)
  }

  /** `holdfast mirror VERB` for this side's folder. */
  run(verb: string, ...more: string[]): Promise<Shown> {
    return this.pairRun([verb, '--folder', this.folder, ...more])
  }

  pairRun(given: readonly string[]): Promise<Shown> {
    return new Promise((resolve) => {
      execFile(process.execPath, [this.pair.holdfast, 'mirror', ...given], { timeout: 60_000 }, (error, out, err) => {
        const status = typeof error?.code === 'number' ? error.code : error === null ? 0 : -1
        resolve({ status, out, err })
      })
    })
  }

  ask<F extends keyof WorkerApi>(fn: F, body: WorkerApi[F]['ask']): Promise<WorkerApi[F]['answer']> {
    return askSocket<WorkerApi, F>(fn, body, { socket: join(this.folder, 'control.sock'), limitMs: ASK_LIMIT_MS })
  }

  /** The first status that satisfies `wanted`; a worker that is about to start, or to end, has none. */
  until(what: string, wanted: (status: WorkerStatus) => boolean): Promise<WorkerStatus> {
    let last = 'no status'
    return eventually(`${this.name}: ${what}`, async () => {
      try {
        const status = await this.ask('status', {})
        last = JSON.stringify(status)
        return wanted(status) ? status : null
      } catch (error) {
        if (codeOf(error) === '') throw error
        return null
      }
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${last}\n${this.serve.log()}`)
    })
  }

  /** The socket is there and the disk behind it answers. */
  untilServed(): Promise<unknown> {
    return this.until('the disk is served', ({ volumes }) => volumes[0]?.attachedTo != null && existsSync(this.socket))
  }
}

const childrenOf = (pid: number): number[] =>
  readIfThere(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .flatMap((word) => (word.trim() === '' ? [] : [Number(word)]))

export const gone = (pid: number): Promise<boolean> =>
  eventually(`the end of process ${pid}`, () => Promise.resolve(isAlive(pid) ? null : true))

/** A zombie is dead. */
function isAlive(pid: number): boolean {
  const stat = readIfThere(`/proc/${pid}/stat`)
  return stat !== '' && !/\) [ZX] /.test(stat)
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return ''
    throw error
  }
}

import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../ports/log'
import type { WorkerPort } from '../ports/workers'
import type { WorkerApi, WorkerSpec } from '../wire/worker-api'
import { askSocket } from './daemon-client'
import { codeOf } from './system-error'

export interface WorkerProcessOptions {
  /** Folder of the workers' folders. */
  readonly folder: string
  readonly executable: string
  readonly log: Log
}

/** File I/O of a worker shares these threads; the default of four makes one slow disk hold up the others. */
const IO_THREADS = '16'
const ALIVE_LIMIT_MS = 500
const STOP_LIMIT_MS = 5000
const GONE_POLL_MS = 20

/** Workers are detached, with their own log: neither the end of the daemon nor its pipes reach them. */
export function workerProcesses({ folder, executable, log }: WorkerProcessOptions): WorkerPort {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const listeners: ((id: string) => void)[] = []
  const mine = new Set<string>()
  const at = (id: string): string => join(folder, id)
  const socket = (id: string): string => join(at(id), 'control.sock')

  const ask = <F extends keyof WorkerApi>(
    id: string,
    fn: F,
    body: WorkerApi[F]['ask'],
    limitMs: number,
  ): Promise<WorkerApi[F]['answer']> => askSocket<WorkerApi, F>(fn, body, { socket: socket(id), limitMs })

  /** A worker that is stopped or busy is there too: only an absent one is not. */
  const running = async (id: string): Promise<boolean> => {
    if (mine.has(id)) return true
    try {
      await ask(id, 'status', {}, ALIVE_LIMIT_MS)
      return true
    } catch (error) {
      return codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ECONNREFUSED'
    }
  }

  const launch = (id: string): void => {
    const output = openSync(join(at(id), 'worker.log'), 'a', 0o600)
    const child = spawn(executable, [at(id)], {
      detached: true,
      stdio: ['ignore', output, output],
      cwd: '/',
      env: { ...process.env, UV_THREADPOOL_SIZE: IO_THREADS },
    })
    closeSync(output)
    mine.add(id)
    const ended = (how: string): void => {
      if (!mine.delete(id)) return
      log.info('worker ended', { worker: id, how })
      for (const listener of listeners) listener(id)
    }
    child.on('exit', (status, signal) => ended(signal ?? `status ${status ?? 'unknown'}`))
    child.on('error', (error) => ended(error.message))
    child.unref()
  }

  return {
    list: () => specsIn(folder),
    start: async (spec) => {
      if (await running(spec.id)) return
      mkdirSync(at(spec.id), { recursive: true, mode: 0o700 })
      const file = join(at(spec.id), 'spec.json')
      writeFileSync(`${file}.new`, JSON.stringify(spec, null, 1), { mode: 0o600 })
      renameSync(`${file}.new`, file)
      launch(spec.id)
    },
    running,
    ask,
    remove: async (id) => {
      try {
        await ask(id, 'stop', {}, STOP_LIMIT_MS)
      } catch (error) {
        if (codeOf(error) === '') throw error
      }
      while (await running(id)) await new Promise((resolve) => setTimeout(resolve, GONE_POLL_MS))
      await rm(at(id), { recursive: true, force: true })
    },
    onExit: (listener) => void listeners.push(listener),
  }
}

function specsIn(folder: string): WorkerSpec[] {
  return readdirSync(folder).flatMap((id) => {
    try {
      return [JSON.parse(readFileSync(join(folder, id, 'spec.json'), 'utf8')) as WorkerSpec]
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    }
  })
}

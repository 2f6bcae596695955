import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../ports/log'
import type { WorkerPort } from '../../ports/workers'
import type { WorkerApi, WorkerSpec } from '../../wire/worker-api'
import { askSocket } from '../api/daemon-client'
import { type DirectoryLock, lockDirectory } from '../system/directory-lock'
import { socketsToHold } from '../socket/held-sockets'
import { minderArguments, minderEnvironment } from './minder'
import { codeOf } from '../system/system-error'

export interface WorkerProcessOptions {
  /** Folder of the workers' folders. */
  readonly folder: string
  readonly executable: string
  readonly log: Log
}

const ALIVE_LIMIT_MS = 500
const STOP_LIMIT_MS = 5000
const GONE_POLL_MS = 20

/** What minders are called in the list of processes. */
const MINDER = 'holdfast-minder'

/**
 * Workers and their minders are detached, with their own log: neither the end of the daemon nor its pipes reach them. Both hold the
 * lock of their folder, so that no second minder begins beside them.
 */
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

  /** Null while a minder or a worker has it. */
  const lockOf = (id: string): DirectoryLock | null => {
    const lock = lockDirectory(at(id))
    return 'release' in lock ? lock : null
  }

  /** One that is stopped or busy is there too, and so is one that its minder is about to start again: only an absent one is not. */
  const running = async (id: string): Promise<boolean> => {
    if (mine.has(id)) return true
    try {
      await ask(id, 'status', {}, ALIVE_LIMIT_MS)
      return true
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ECONNREFUSED') return true
      if (!existsSync(at(id))) return false
      const lock = lockOf(id)
      lock?.release()
      return lock === null
    }
  }

  const launch = async (spec: WorkerSpec, lock: DirectoryLock): Promise<void> => {
    const { id } = spec
    const output = openSync(join(at(id), 'worker.log'), 'a', 0o600)
    const { files, argv, release } = await socketsToHold(spec, at(id))
    const child = spawn('sh', minderArguments(at(id), [executable, at(id), ...argv]), {
      detached: true,
      argv0: MINDER,
      stdio: ['ignore', output, output, ...files, lock.file],
      cwd: '/',
      env: minderEnvironment(),
    })
    closeSync(output)
    release()
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

  const tellToStop = async (id: string): Promise<boolean> => {
    try {
      await ask(id, 'stop', {}, STOP_LIMIT_MS)
      return true
    } catch (error) {
      if (codeOf(error) === '') throw error
      return false
    }
  }

  return {
    list: () => specsIn(folder),
    start: async (spec) => {
      if (await running(spec.id)) return
      const folder = at(spec.id)
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const lock = lockOf(spec.id)
      if (lock === null) return
      try {
        const file = join(folder, 'spec.json')
        writeFileSync(`${file}.new`, JSON.stringify(spec, null, 1), { mode: 0o600 })
        renameSync(`${file}.new`, file)
        await launch(spec, lock)
      } finally {
        lock.release()
      }
    },
    running,
    ask,
    remove: async (id) => {
      for (let told = false; await running(id);) {
        told ||= await tellToStop(id)
        // Between two lives: the minder starts nothing without it.
        if (!told) rmSync(join(at(id), 'spec.json'), { force: true })
        await new Promise((resolve) => setTimeout(resolve, GONE_POLL_MS))
      }
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

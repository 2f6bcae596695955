import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { assert } from '../../lib/core/domain/assert'
import { gone } from './mirror-side'
import { eventually } from './worker-host'

/** The worker and the front as an installation has them; and ways to meddle with a worker. */
export class WorkerExecutables {
  readonly worker: string
  readonly front: string
  /** While they are there: a worker does not come past its start; or ends at once. */
  readonly brake: string
  readonly broken: string

  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true })
    this.brake = join(folder, 'brake')
    this.broken = join(folder, 'broken')
    const meddling = [
      `[ -e ${this.broken} ] && exit 1`,
      `while [ -e ${this.brake} ]; do sleep 0.02; done`,
      `echo $$ >"$1/pid.new"`,
      `mv "$1/pid.new" "$1/pid"`,
    ]
    this.worker = this.make('holdfast-worker', 'vm-worker.ts', meddling)
    this.front = this.make('holdfast-front', 'nbd-front.ts', [])
  }

  private make(name: string, entry: string, first: readonly string[]): string {
    const [script, executable] = [join(this.folder, `${name}.js`), join(this.folder, name)]
    const entryPoints = [join(__dirname, '..', '..', 'plugin', entry)]
    buildSync({ entryPoints, bundle: true, platform: 'node', target: 'node20', outfile: script, logLevel: 'error' })
    writeFileSync(executable, ['#!/bin/sh', ...first, `exec ${process.execPath} ${script} "$@"`].join('\n'))
    chmodSync(executable, 0o755)
    return executable
  }
}

/** The process of the worker in `home`. A file without a number would name our own process group, with all that runs the tests. */
export function workerPid(home: string): number {
  const pid = Number(readFileSync(join(home, 'pid'), 'utf8'))
  assert(Number.isSafeInteger(pid) && pid > 1, 'a worker tells its process')
  return pid
}

/** Resolves with its pid when it is gone. */
export async function killWorker(home: string): Promise<number> {
  const killed = workerPid(home)
  process.kill(killed, 'SIGKILL')
  await gone(killed)
  return killed
}

export const nextWorker = (home: string, killed: number): Promise<number> =>
  eventually('another worker', () => Promise.resolve(workerPid(home) === killed ? null : workerPid(home)))

/** Processes of a host as an operator names them: kill -9, SIGSTOP, and on with it. Pids are the host's own. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { BadRequest } from '../faults/fault'
import { isErrno } from './process'
import type { Place } from './place'

export interface HostProcess {
  readonly pid: number
  /** The program's or script's file name without `.js`. */
  readonly name: string
}

export class HostProcesses {
  /** Stopped by a fault, by the name or pid that was asked for. */
  readonly #stopped = new Map<string | number, readonly number[]>()

  #standsStill = false

  get standsStill(): boolean {
    return this.#standsStill
  }

  get stopped(): readonly (string | number)[] {
    return this.#standsStill ? ['everything'] : [...this.#stopped.keys()]
  }

  async signal(place: Place, target: string | number, how: 'kill' | 'stop'): Promise<readonly number[]> {
    const running = processesOf(place)
    const pids = running.filter(({ pid, name }) => pid === target || name === target).map(({ pid }) => pid)
    if (pids.length === 0) {
      const choices = [...new Set(running.map(({ name }) => name))].join(', ')
      throw new BadRequest(`no process ${target} on ${place.options.name}; there are: ${choices === '' ? 'none' : choices}`)
    }
    await place.run(`kill -${how === 'kill' ? 'KILL' : 'STOP'} ${pids.join(' ')}`)
    if (how === 'stop') this.#stopped.set(target, pids)
    return pids
  }

  /** The machine stands still: every process but the init. */
  async stopAll(place: Place): Promise<void> {
    this.#standsStill = true
    await place.run('kill -STOP -1')
  }

  async resumeAll(place: Place): Promise<void> {
    this.#standsStill = false
    this.#stopped.clear()
    await place.run('kill -CONT -1')
  }

  /** @returns false if no fault of that name had stopped anything */
  async resume(place: Place, target: string | number): Promise<boolean> {
    const pids = this.#stopped.get(target)
    this.#stopped.delete(target)
    if (pids === undefined) return false
    const alive = processesOf(place).filter(({ pid }) => pids.includes(pid))
    if (alive.length > 0) await place.run(`kill -CONT ${alive.map(({ pid }) => pid).join(' ')}`)
    return true
  }

  forget(): void {
    this.#stopped.clear()
    this.#standsStill = false
  }
}

/** Without the init and what it waits with. */
export function processesOf(place: Place): HostProcess[] {
  const proc = `/proc/${place.init.machine}/root/proc`
  return readdirSync(proc)
    .filter((entry) => /^\d+$/.test(entry) && entry !== '1')
    .flatMap((entry) => {
      const argv = commandLine(`${proc}/${entry}/cmdline`)
      return argv === null || (argv[0] === 'sleep' && argv[1] === '1000000') ? [] : [{ pid: Number(entry), name: nameOf(argv) }]
    })
}

/** @returns null for a process that is gone or a zombie */
function commandLine(path: string): string[] | null {
  try {
    const text = readFileSync(path, 'utf8')
    return text === '' ? null : text.split('\0').slice(0, -1)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return null
    throw error
  }
}

/** An interpreter is called by its script: `node /opt/holdfast/bin/holdfastd` is holdfastd. */
function nameOf(argv: readonly string[]): string {
  const [program = '', ...args] = argv
  const script = /^(?:node|sh|bash|dash|python3?)$/.test(basename(program)) ? args.find((arg) => !arg.startsWith('-')) : undefined
  return basename(script ?? program).replace(/\.js$/, '')
}

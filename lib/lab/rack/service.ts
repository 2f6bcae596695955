/** One process of a place that the rack keeps running, as systemd would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Place } from './place'
import type { ServiceSpec } from './units'
import { SEARCH_PATH } from './checks'

const BACKOFF_MAX_MS = 5000
/** Ran this long: the next end is a first one again. */
const SETTLED_MS = 10_000

export class Service {
  #child: ChildProcess | null = null
  #timer: NodeJS.Timeout | null = null
  #failures = 0
  #stopped = true

  constructor(
    readonly spec: ServiceSpec,
    readonly place: Place,
    readonly log: string,
  ) {}

  get isRunning(): boolean {
    return this.#child !== null
  }

  start(): void {
    this.#stopped = false
    if (this.#child !== null) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const log = openSync(this.log, 'a')
    const began = Date.now()
    const [command, ...args] = this.place.enter(this.spec.argv)
    const child = spawn(command ?? '', args, {
      stdio: ['ignore', log, log],
      env: { PATH: SEARCH_PATH, HOME: '/root', LANG: 'C.UTF-8', ...this.spec.environment },
    })
    this.#child = child
    child.once('exit', (code, signal) => {
      this.#child = null
      writeSync(log, `[rack] ${this.spec.name} ended: ${signal ?? `exit ${String(code)}`}\n`)
      closeSync(log)
      this.#failures = Date.now() - began > SETTLED_MS ? 0 : this.#failures + 1
      const again = this.spec.restart === 'always' || (this.spec.restart === 'on-failure' && code !== 0)
      if (again && !this.#stopped) this.#timer = setTimeout(() => this.start(), this.#delayMs())
    })
  }

  /** kill -9; resolves when it has ended. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Never again; what still runs is killed by whoever ends the place. */
  abandon(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** After a SIGCONT of the process itself: nsenter stops together with what it entered for. */
  wake(): void {
    this.#child?.kill('SIGCONT')
  }

  #delayMs(): number {
    return Math.min(BACKOFF_MAX_MS, this.spec.restartMs * 2 ** Math.max(0, this.#failures - 1))
  }
}

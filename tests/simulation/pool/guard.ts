import type { Life } from '../../world/schedule'
import type { Machine } from './machine'
import { WatchdogProcess } from './watchdog-process'

const AGAIN_MS = 200
/** A guest that nobody guarded may not have been stopped for so long yet. */
const GUARD_MS = 400
/** The same when everything woke at once. */
const WAKING_MS = 400

/** The watchdog of a machine, and since when it has been at it. */
export class Guard {
  #watchdog: WatchdogProcess | null = null
  #sinceMs = -Infinity
  /** The machine stands still until then. */
  #wokeAtMs = -Infinity

  constructor(private readonly machine: Machine) {}

  get life(): Life | undefined {
    return this.#watchdog?.process.life
  }

  start(inMs: number): void {
    const { machine } = this
    this.#sinceMs = Math.max(this.#sinceMs, machine.world.schedule.now + inMs + GUARD_MS)
    machine.world.schedule.after(inMs, () => (this.#watchdog ??= new WatchdogProcess(machine)), machine.life)
  }

  startAgain(): void {
    this.start(AGAIN_MS)
  }

  kill(): void {
    if (this.#watchdog === null) return
    this.machine.world.say(() => `${this.machine.name} watchdog dies`)
    this.end()
    this.startAgain()
  }

  stall(untilMs: number): void {
    const { life } = this
    if (life === undefined) return
    life.stalledUntil = Math.max(life.stalledUntil, untilMs)
    this.#sinceMs = Math.max(this.#sinceMs, life.stalledUntil + GUARD_MS)
  }

  end(): void {
    if (this.#watchdog !== null) this.#watchdog.process.life.alive = false
    this.#watchdog = null
  }

  machineWakes(atMs: number): void {
    this.#wokeAtMs = Math.max(this.#wokeAtMs, atMs)
  }

  /** Nobody may have stopped a guest of the machine of late: all of it stood still, or neither the watchdog nor its worker could. */
  mayHaveMissed(workerWasAway: boolean): boolean {
    const { now } = this.machine.world.schedule
    return now < this.#wokeAtMs + WAKING_MS || (now < this.#sinceMs && workerWasAway)
  }
}

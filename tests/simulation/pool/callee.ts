import { Refusal } from '../../../lib/core/domain/errors'
import { asError, failure } from './failure'
import type { Process } from './process'

/** A process that others of its machine ask over a socket. */
export class Callee {
  readonly #onEnd = new Set<() => void>()

  constructor(readonly process: Process) {}

  /** Rejects as a socket does when the process ends, with a refusal when it is too late, or as `begin` does. */
  ask<T>(from: Process, begin: () => Promise<T>, limitMs: number): Promise<T> {
    const { schedule } = from.nature
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        this.#onEnd.delete(reset)
        timer.stop()
        schedule.to(from.life, act)
      }
      const reset = (): void => settle(() => reject(failure('ECONNRESET')))
      const late = (): void =>
        settle(() => reject(new Refusal('HOLDFAST_TIMED_OUT', { seconds: limitMs / 1000, reason: 'simulated' })))
      const timer = from.timers.after(limitMs, late)
      this.#onEnd.add(reset)
      schedule.to(this.process.life, () => {
        new Promise<T>((begun) => begun(begin())).then(
          (answer) => settle(() => resolve(answer)),
          (error: unknown) => settle(() => reject(asError(error))),
        )
      })
    })
  }

  ended(): void {
    for (const ended of [...this.#onEnd]) ended()
  }
}

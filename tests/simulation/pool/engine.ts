import type { Schedule } from '../../world/schedule'

/** Node tells of rejections that nobody handled only when it comes to rest. */
const REST_EVERY_STEPS = 256

/**
 * Takes one event after the other. What an event's promises set off has all happened before the next one: a turn of Node's tick queue
 * comes only when no promise is left to be told.
 */
export class Engine {
  /** Of production code, that nobody handled. */
  failure: Error | null = null
  #steps = 0

  constructor(private readonly schedule: Schedule) {}

  /** Resolves when `isOver` says so, or nothing is left to happen. Rejects when production code failed. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (!this.schedule.step()) return
      await new Promise<void>((resolve) => process.nextTick(resolve))
      if (++this.#steps % REST_EVERY_STEPS === 0) await this.rest()
    }
    await this.rest()
  }

  async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.failure !== null) throw this.failure
  }
}

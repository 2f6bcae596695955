import type { Worker } from './host'

/** A listed replica that was never met is waited for so long. */
const START_MS = 300

/** How long a primary that begins waits for its peer: longer while that one is taking the claim over. */
export class Patience {
  #sealedUntil = 0

  constructor(
    private readonly worker: Worker,
    over: () => void,
  ) {
    const { schedule } = worker.world
    const look = (): void => {
      if (schedule.now < this.#sealedUntil) schedule.after(START_MS, look, worker.life)
      else over()
    }
    schedule.after(START_MS, look, worker.life)
  }

  /** The peer answers nobody because it is taking the claim over. */
  sealed(): void {
    this.#sealedUntil = this.worker.world.schedule.now + START_MS
  }
}

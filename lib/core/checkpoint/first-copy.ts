export interface FirstCopyLimits {
  /** What the guest may have changed meanwhile for the last part to be taken at a pause. */
  readonly lastBytesMax: number
  readonly passesMax: number
}

/** At a gigabit a second, 4 MB are 32 ms; a guest that still changes more after eight passes will not calm down for a ninth. */
export const FIRST_COPY: FirstCopyLimits = { lastBytesMax: 4e6, passesMax: 8 }

/** The guest's memory is copied while it runs, and then again what it changed meanwhile, until little is left. */
export class FirstCopy {
  #passes = 1
  #sentBytes = 0

  constructor(private readonly limits: FirstCopyLimits) {}

  get pass(): number {
    return this.#passes
  }

  get sentBytes(): number {
    return this.#sentBytes
  }

  /** A pass is over: the number of the next one, or null when the rest is for the pause. */
  passed(bytes: number): number | null {
    this.#sentBytes += bytes
    // A pass sends what changed during the one before: the next would send about as much.
    if (this.#passes >= this.limits.passesMax || (this.#passes > 1 && bytes <= this.limits.lastBytesMax)) return null
    this.#passes++
    return this.#passes
  }
}

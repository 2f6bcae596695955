/**
 * When the holder of a claim lets the other one of two witnesses decide: the one that decides is silent, or the preferred one is back.
 *
 * Must never: take the time in which this process stood still for a silence of anybody.
 */

/**
 * A connection that ends is noticed within a second and made again within another, a witness that is restarted serves within one, an etcd
 * cluster elects a leader in one or two. Shorter, and each of these is a switch; longer, and a second loss finds the pair without a witness.
 */
const AFTER_SILENT_MS = 3000
/** Before the preferred one decides again: one that comes and goes is not followed each time. */
const BACK_AFTER_MS = 30_000

export interface SwitchTimes {
  /** The deciding witness has been asked for so long, and not answered. Milliseconds. */
  readonly afterSilentMs: number
  /** The preferred one has been heard for so long without a gap. Milliseconds. */
  readonly backAfterMs: number
}

export const SWITCH_TIMES: SwitchTimes = { afterSilentMs: AFTER_SILENT_MS, backAfterMs: BACK_AFTER_MS }

/** A look that comes later than this was late itself. */
const LOOK_LATE_MS = 1000

export class SwitchWatch {
  #atMs: number
  #isAsked = false
  #silentMs = 0
  #heardMs = 0

  constructor(
    nowMs: number,
    private readonly times: SwitchTimes = SWITCH_TIMES,
  ) {
    this.#atMs = nowMs
  }

  /** Something was asked of the deciding one. With a long lease that is seldom, and in between its silence says nothing. */
  asked(): void {
    this.#isAsked = true
  }

  /** The deciding one answered, or is another one now. */
  answered(): void {
    this.#isAsked = false
    this.#silentMs = 0
  }

  /** Called some times a second. `preferredAnswers`: it is heard at present. */
  look(nowMs: number, preferredAnswers: boolean): void {
    const passedMs = Math.min(LOOK_LATE_MS, Math.max(0, nowMs - this.#atMs))
    this.#atMs = nowMs
    if (this.#isAsked) this.#silentMs += passedMs
    this.#heardMs = preferredAnswers ? this.#heardMs + passedMs : 0
  }

  /** The deciding one has been asked and not answered for long enough. */
  get isSilent(): boolean {
    return this.#silentMs >= this.times.afterSilentMs
  }

  get preferredIsBack(): boolean {
    return this.#heardMs >= this.times.backAfterMs
  }
}

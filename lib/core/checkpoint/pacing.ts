export interface PacingLimits {
  /** From the guest's going on to the next pause: at least this. */
  readonly intervalMinMs: number
  /** After so long an epoch ends, even if no output waits for it. */
  readonly intervalMaxMs: number
  /** The guest stands still for no more than this share of the time. */
  readonly pauseShareMax: number
}

/**
 * Output waits for the end of its epoch, so the epoch ends as soon as may be; a third of the time is what a guest's users take
 * for a slow machine and not for a broken one. An idle guest is looked at ten times a second, so that an epoch stays small.
 */
export const PACING: PacingLimits = { intervalMinMs: 25, intervalMaxMs: 100, pauseShareMax: 0.3 }

/** How much the latest pause counts in the mean: some ten of them are remembered. */
const WEIGHT = 0.1

/** When the next pause is due. */
export class Pacing {
  #meanPauseMs: number | null = null

  constructor(private readonly limits: PacingLimits) {}

  get meanPauseMs(): number {
    return this.#meanPauseMs ?? 0
  }

  /** One is over; also one that brought nothing. */
  paused(tookMs: number): void {
    this.#meanPauseMs = this.#meanPauseMs === null ? tookMs : this.#meanPauseMs + WEIGHT * (tookMs - this.#meanPauseMs)
  }

  /** Of a guest that goes on since `sinceMs`. `hurry`: output waits, or the peer has no room for more changes. */
  dueAtMs(sinceMs: number, hurry: boolean): number {
    const { intervalMinMs, intervalMaxMs, pauseShareMax } = this.limits
    const earliest = Math.max(intervalMinMs, (this.meanPauseMs * (1 - pauseShareMax)) / pauseShareMax)
    return sinceMs + (hurry ? earliest : Math.max(earliest, intervalMaxMs))
  }
}

/** What the watchdog of a host says of itself, once a second. */
export interface WatchdogBeat {
  /** On the machine's monotonic clock. */
  readonly atMs: number
  readonly pid: number
  /** `off`: not wanted now, or not configured. Otherwise why it cannot be had. */
  readonly hostWatchdog: 'armed' | 'off' | { readonly trouble: string }
  /** How much later than wanted a round began, at worst, since the last beat. Milliseconds. */
  readonly worstLagMs: number
  /** Guests it holds at present, because their lease is over. */
  readonly leases: number
}

/** What waits. Real time in production; in the simulator, time that a seed draws. Milliseconds of this machine's monotonic clock. */
export interface Timers {
  after(ms: number, act: () => void): Timer
  every(ms: number, act: () => void): Timer
  pause(ms: number): Promise<void>
}

export interface Timer {
  /** Once it returns, the act does not run any more. Stopping what has ended does nothing. */
  stop(): void
}

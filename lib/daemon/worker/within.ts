import type { Timer, Timers } from '../../ports/timers'

/** Resolves with whether `act` did so within that time, or rejects as it did. */
export async function within(timers: Timers, limitMs: number, act: Promise<unknown>): Promise<boolean> {
  let timer: Timer | undefined
  const late = new Promise<false>((resolve) => (timer = timers.after(limitMs, () => resolve(false))))
  try {
    const done = await Promise.race([act.then(() => true), late])
    // A failure that comes later has nobody else to go up to.
    if (!done) void act.then(() => undefined)
    return done
  } finally {
    timer?.stop()
  }
}

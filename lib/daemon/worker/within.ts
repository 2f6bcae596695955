/** Resolves with whether `act` did so within that time, or rejects as it did. */
export async function within(limitMs: number, act: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, limitMs, false)))
  try {
    const done = await Promise.race([act.then(() => true), late])
    // A failure that comes later has nobody else to go up to.
    if (!done) void act.then(() => undefined)
    return done
  } finally {
    clearTimeout(timer)
  }
}

import type { Clock } from '../../ports/clock'

/** CLOCK_MONOTONIC. It stands still while the machine sleeps, which makes a lease longer and never shorter. */
export const systemClock: Clock = { nowMs: () => Number(process.hrtime.bigint()) / 1e6 }

import { uptime } from 'node:os'
import type { Clock } from '../../ports/clock'

/** Also counts while the machine is suspended; by steps of up to 10 ms. */
export const bootClock: Clock = { nowMs: () => uptime() * 1000 }

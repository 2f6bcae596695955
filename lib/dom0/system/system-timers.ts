import { setTimeout as pause } from 'node:timers/promises'
import type { Timers } from '../../ports/timers'

export const systemTimers: Timers = {
  after: (ms, act) => {
    const timer = setTimeout(act, ms)
    return { stop: () => clearTimeout(timer) }
  },
  every: (ms, act) => {
    const timer = setInterval(act, ms)
    return { stop: () => clearInterval(timer) }
  },
  pause: (ms) => pause(ms),
}

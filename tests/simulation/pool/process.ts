import type { Clock } from '../../../lib/ports/clock'
import type { Timers } from '../../../lib/ports/timers'
import type { Dice } from '../../world/prng'
import { Life, type Schedule } from '../../world/schedule'

export interface Nature {
  readonly schedule: Schedule
  readonly dice: Dice
}

/** A machine's monotonic clock. */
export interface Ticking {
  readonly nowMs: number
  /** Its milliseconds per simulated one. */
  readonly rate: number
}

/** Whatever runs on a machine: once it is dead nothing reaches it any more, and no timer of its fires; standing still, all of it waits. */
export class Process {
  readonly clock: Clock
  readonly timers: Timers

  constructor(
    readonly nature: Nature,
    ticking: Ticking,
    readonly life = new Life(),
  ) {
    const { schedule, dice } = nature
    const after = (ms: number, act: () => void): void =>
      schedule.after(Math.max(0, ms) / ticking.rate + dice.fraction(), act, this.life)
    this.clock = { nowMs: () => ticking.nowMs }
    this.timers = {
      after: (ms, act) => {
        let isOn = true
        after(ms, () => {
          if (isOn) act()
        })
        return { stop: () => void (isOn = false) }
      },
      every: (ms, act) => {
        let isOn = true
        const next = (): void =>
          after(ms, () => {
            if (!isOn) return
            next()
            act()
          })
        next()
        return { stop: () => void (isOn = false) }
      },
      pause: (ms) => new Promise((resolve) => after(ms, resolve)),
    }
  }

  /** Resolves within so many simulated milliseconds, as long as the process lives. */
  within(ms: number): Promise<void> {
    const { schedule, dice } = this.nature
    return new Promise((resolve) => schedule.after(dice.fraction() * ms, resolve, this.life))
  }

  /** Resolves as that does, if the process lives to see it. */
  heard<T>(begin: (done: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve) => begin((value) => this.nature.schedule.to(this.life, () => resolve(value))))
  }
}

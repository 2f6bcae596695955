import type { Schedule } from '../../world/schedule'

/** Resets its machine when nobody pets it; counts on while every process of the machine stands still. */
export class HardwareWatchdog {
  #forMs = 0
  #untilMs = Infinity

  constructor(
    private readonly schedule: Schedule,
    private readonly reset: () => void,
  ) {}

  arm(seconds: number): void {
    this.#forMs = 1000 * seconds
    this.#again()
  }

  /** False: it is not armed. */
  pet(): boolean {
    if (this.#untilMs === Infinity) return false
    this.#untilMs = this.schedule.now + this.#forMs
    return true
  }

  disarm(): void {
    this.#untilMs = Infinity
  }

  #again(): void {
    this.#untilMs = this.schedule.now + this.#forMs
    this.#look()
  }

  #look(): void {
    if (this.#untilMs === Infinity) return
    if (this.schedule.now >= this.#untilMs) {
      this.disarm()
      this.reset()
    } else this.schedule.after(this.#untilMs - this.schedule.now, () => this.#look())
  }
}

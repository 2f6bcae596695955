export interface PaceLimits {
  /** While the guest's requests take longer than this on average, resyncs slow down. Milliseconds. */
  readonly guestLatencyMs: number
  /** A resync goes on at this rate whatever the guest does: otherwise it might never end. */
  readonly bytesPerSecondMin: number
  readonly bytesPerSecondMax: number
}

/**
 * 20 ms is what a guest on rotating disks calls normal and one on flash does not notice for the length of a resync; 8 MB/s brings
 * back a terabyte in one and a half days at the worst.
 */
export const PACE: PaceLimits = { guestLatencyMs: 20, bytesPerSecondMin: 8e6, bytesPerSecondMax: 4e9 }

const FIRST_BYTES_PER_SECOND = 200e6
const FASTER = 1.1
const SLOWER = 0.7

/** How fast a resync may go, from what the guest's requests take: a little faster while that is fine, much slower when not. */
export class Pace {
  #bytesPerSecond: number
  #count = 0
  #totalMs = 0

  constructor(private readonly limits: PaceLimits) {
    this.#bytesPerSecond = Math.min(FIRST_BYTES_PER_SECOND, limits.bytesPerSecondMax)
  }

  /** A request of the guest was answered. */
  answered(tookMs: number): void {
    this.#count++
    this.#totalMs += tookMs
  }

  /** Bytes for the next `periodMs`. */
  allowance(periodMs: number): number {
    const slow = this.#count > 0 && this.#totalMs / this.#count > this.limits.guestLatencyMs
    this.#count = 0
    this.#totalMs = 0
    const { bytesPerSecondMin, bytesPerSecondMax } = this.limits
    const wished = this.#bytesPerSecond * (slow ? SLOWER : FASTER)
    this.#bytesPerSecond = Math.max(bytesPerSecondMin, Math.min(bytesPerSecondMax, wished))
    return Math.ceil((this.#bytesPerSecond * periodMs) / 1000)
  }
}

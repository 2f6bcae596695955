import { assert } from '../core/domain/assert'

export interface InflightLimits {
  readonly requests: number
  /** Payload of unanswered reads and writes. */
  readonly bytes: number
}

/** What an export has taken in and not answered yet, over all its connections; who waits for room is woken in turn. */
export class InflightBudget {
  private readonly waiting = new Set<() => void>()
  private heldRequests = 0
  private heldBytes = 0

  constructor(private readonly limits: InflightLimits) {}

  get requests(): number {
    return this.heldRequests
  }

  /** One request too large for what is left still fits: a limit below the largest request must not block for ever. */
  get isFull(): boolean {
    return this.heldRequests >= this.limits.requests || this.heldBytes >= this.limits.bytes
  }

  take(bytes: number): void {
    this.heldRequests++
    this.heldBytes += bytes
  }

  /** `wake` is called once, when there is room again. */
  wait(wake: () => void): void {
    this.waiting.add(wake)
  }

  forget(wake: () => void): void {
    this.waiting.delete(wake)
  }

  release(bytes: number): void {
    this.heldRequests--
    this.heldBytes -= bytes
    assert(this.heldRequests >= 0 && this.heldBytes >= 0, 'a request is released once')
    for (const wake of this.waiting) {
      if (this.isFull) return
      this.waiting.delete(wake)
      wake()
    }
  }
}

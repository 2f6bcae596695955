import { assert } from '../../core/domain/assert'

export interface InflightLimits {
  readonly requests: number
  /** Payload of reads and writes, from the header of a request until its answer was taken. */
  readonly bytes: number
}

/** What an export holds for its clients, over all its connections; who waits for room is woken in turn. */
export class InflightBudget {
  private readonly waiting = new Set<() => void>()
  private heldRequests = 0
  private heldBytes = 0
  /** Asked of the disk and not answered. */
  unanswered = 0

  constructor(readonly limits: InflightLimits) {}

  get requests(): number {
    return this.heldRequests
  }

  get bytes(): number {
    return this.heldBytes
  }

  /** One request too large for what is left still fits: a limit below the largest request must not block for ever. */
  get isFull(): boolean {
    return this.heldRequests >= this.limits.requests || this.heldBytes >= this.limits.bytes
  }

  get isWaitedFor(): boolean {
    return this.waiting.size > 0
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

  release(bytes: number, requests = 1): void {
    this.heldRequests -= requests
    this.heldBytes -= bytes
    assert(this.heldRequests >= 0 && this.heldBytes >= 0, 'a request is released once')
    for (const wake of this.waiting) {
      if (this.isFull) return
      this.waiting.delete(wake)
      wake()
    }
  }
}

/** What one client holds of a budget: at most half, so that one that stands still does not keep the others from the disk. */
export class InflightShare {
  private requests = 0
  private bytes = 0

  constructor(
    private readonly budget: InflightBudget,
    private readonly wake: () => void,
  ) {}

  /** False: `wake` is called when others gave room back; the client's own giving back is known to its owner. */
  hasRoom(): boolean {
    const { limits } = this.budget
    if (2 * this.requests >= limits.requests || 2 * this.bytes >= limits.bytes) return false
    if (!this.budget.isFull) return true
    this.budget.wait(this.wake)
    return false
  }

  take(bytes: number): void {
    this.requests++
    this.bytes += bytes
    this.budget.take(bytes)
  }

  release(bytes: number, requests = 1): void {
    this.requests -= requests
    this.bytes -= bytes
    this.budget.release(bytes, requests)
  }

  /** Wants no more; what it holds is still to be released. */
  close(): void {
    this.budget.forget(this.wake)
  }
}

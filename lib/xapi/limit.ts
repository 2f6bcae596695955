/** How long a call may take, from its making; several waits may share one. */
export class Limit {
  /** Resolves when the time is over or `end` was called. */
  readonly over: Promise<void>
  private readonly stop = new AbortController()
  private readonly timer: NodeJS.Timeout
  private readonly endsAt: number

  constructor(ms: number) {
    this.endsAt = performance.now() + ms
    this.timer = setTimeout(() => this.stop.abort(), ms)
    this.over = new Promise((resolve) => this.stop.signal.addEventListener('abort', () => resolve()))
  }

  get signal(): AbortSignal {
    return this.stop.signal
  }

  get leftMs(): number {
    return Math.max(0, this.endsAt - performance.now())
  }

  /** To be called also when the work is over, so that no timer outlives it. */
  end(): void {
    clearTimeout(this.timer)
    this.stop.abort()
  }

  /** Settles as `work` does, or rejects with LimitReached; `work` itself goes on unless it watches the signal. */
  bound<T>(work: Promise<T>): Promise<T> {
    const over = this.over.then((): never => {
      throw new LimitReached()
    })
    return Promise.race([work, over])
  }
}

export class LimitReached extends Error {
  override readonly name = 'LimitReached'
}

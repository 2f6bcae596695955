interface Held<Frame> {
  readonly frame: Frame
  readonly bytes: number
}

interface Closed<Frame> {
  readonly epoch: number
  readonly frames: readonly Held<Frame>[]
}

/**
 * What the guest has sent and may not leave yet, by epoch. A frame that is noticed late counts to a later epoch than its own, which
 * is safe; never to an earlier one, because `cut` comes while the guest stands still.
 *
 * Must never: let a frame leave before its epoch is committed, while the lease is not valid, or after the term is spent.
 */
export class OutputLedger<Frame> {
  #open: Held<Frame>[] = []
  #closed: Closed<Frame>[] = []
  /** May leave but for the lease. */
  #ready: Held<Frame>[] = []
  #holding = true
  #leaseValid = true
  #spent = false
  #heldBytes = 0
  #refused = 0

  /** `heldBytesMax`: what comes beyond it is lost, as on any network whose queue is full. */
  constructor(private readonly heldBytesMax: number) {}

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Frames that were lost for want of room. */
  get refused(): number {
    return this.#refused
  }

  /** The guest has sent a frame. Each of these answers what leaves now, in its order. */
  sent(frame: Frame, bytes: number): readonly Frame[] {
    if (this.#spent) return []
    if (this.#heldBytes + bytes > this.heldBytesMax) {
      this.#refused++
      return []
    }
    this.#heldBytes += bytes
    const into = this.#holding ? this.#open : this.#ready
    into.push({ frame, bytes })
    return this.#leaving()
  }

  hold(): void {
    this.#holding = true
  }

  /** The guest stands still: what it has sent since the last cut is of this epoch. */
  cut(epoch: number): void {
    this.#closed.push({ epoch, frames: this.#open })
    this.#open = []
  }

  release(epoch: number): readonly Frame[] {
    const count = this.#closed.findIndex((closed) => closed.epoch > epoch)
    const committed = this.#closed.splice(0, count === -1 ? this.#closed.length : count)
    this.#ready.push(...committed.flatMap(({ frames }) => frames))
    return this.#leaving()
  }

  /** Nobody else can go on in this guest's place any more: all of it may leave, and what comes. */
  free(): readonly Frame[] {
    this.#holding = false
    this.#ready.push(...this.#closed.flatMap(({ frames }) => frames), ...this.#open)
    this.#closed = []
    this.#open = []
    return this.#leaving()
  }

  lease(valid: boolean): readonly Frame[] {
    this.#leaseValid = valid
    return this.#leaving()
  }

  /** For good. */
  drop(): void {
    this.#spent = true
    this.#open = []
    this.#closed = []
    this.#ready = []
    this.#heldBytes = 0
  }

  #leaving(): readonly Frame[] {
    if (!this.#leaseValid || this.#spent || this.#ready.length === 0) return []
    const leaving = this.#ready
    this.#ready = []
    for (const { bytes } of leaving) this.#heldBytes -= bytes
    return leaving.map(({ frame }) => frame)
  }
}

/** Every step of every guest that ever was, each with the one before it: what a state explains is all that led to it. */
export class History {
  readonly #before: number[] = [0]

  /** A step after `before`; 0: after none. */
  step(before: number): number {
    return this.#before.push(before) - 1
  }

  /** `late` is `early`, or comes after it in the same life. */
  explains(late: number, early: number): boolean {
    let at = late
    while (at > early) at = this.#before[at] ?? 0
    return at === early
  }
}

export const CELLS = 4

/** What a guest has in its memory: where it is, and what it believes of its disk. */
export interface Memory {
  readonly step: number
  readonly disk: readonly number[]
}

export class Guest {
  running = true
  /** A write that is not answered: the guest waits for it. */
  writing: { readonly cell: number; readonly step: number } | null = null
  readonly disk: number[]

  constructor(
    public step: number,
    disk: readonly number[],
  ) {
    this.disk = [...disk]
  }

  get memory(): Memory {
    return { step: this.step, disk: [...this.disk] }
  }

  answered(): void {
    if (this.writing !== null) this.disk[this.writing.cell] = this.writing.step
    this.writing = null
  }
}

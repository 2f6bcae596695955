/** Something that can die or stand still: whatever was to happen to it then does not happen, or happens later. */
export class Life {
  alive = true
  /** Simulated milliseconds. Until then its events wait, in their order. */
  stalledUntil = 0
}

interface Due {
  at: number
  readonly order: number
  readonly act: () => void
  readonly life: Life | null
}

/** Simulated time: what is to happen, in order. Events of one moment happen in the order in which they were planned. */
export class Schedule {
  now = 0
  /** Events that have happened. */
  steps = 0
  readonly #heap: Due[] = []
  #order = 0

  after(ms: number, act: () => void, life: Life | null = null): void {
    this.#push({ at: this.now + ms, order: this.#order++, act, life })
  }

  /** At once, unless it is dead or stands still. */
  to(life: Life, act: () => void): void {
    if (!life.alive) return
    if (life.stalledUntil > this.now) this.#push({ at: life.stalledUntil, order: this.#order++, act, life })
    else act()
  }

  /** False when nothing is left to happen. */
  step(): boolean {
    const due = this.#pop()
    if (due === undefined) return false
    this.now = due.at
    const { life } = due
    if (life?.alive === false) return true
    if (life !== null && life.stalledUntil > this.now) {
      due.at = life.stalledUntil
      this.#push(due)
      return true
    }
    this.steps++
    due.act()
    return true
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(due)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, due)) break
      heap[at] = above
      at = parent
    }
    heap[at] = due
  }

  #pop(): Due | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || last === first) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      let below = heap[child]
      if (below === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, below)) {
        child++
        below = right
      }
      if (isBefore(last, below)) break
      heap[at] = below
      at = child
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

import type { Side } from './events'
import type { Operation } from './operation'
import { RangeQueue } from './range-queue'

/** Changes, flushes and copies that run or wait for their range, and what was asked of which replica for each. */
export class InFlight {
  readonly #queue = new RangeQueue()
  readonly #operations = new Map<number, Operation>()
  readonly #waiting = new Set<number>()
  /** Issue number -> what was asked of which side. A replica that went down has none. */
  readonly #issues = new Map<number, { op: Operation; side: Side }>()

  has(id: number): boolean {
    return this.#operations.has(id)
  }

  all(): Operation[] {
    return [...this.#operations.values()]
  }

  /** Those that do not wait for their range. */
  running(): Operation[] {
    return this.all().filter(({ id }) => !this.#waiting.has(id))
  }

  /** True when the operation may run at once. */
  enter(op: Operation): boolean {
    this.#operations.set(op.id, op)
    const free = this.#queue.enter(op.id, op.request.offset, op.request.length)
    if (!free) this.#waiting.add(op.id)
    return free
  }

  /** The operation is over, or given up. Answers those that may run now. */
  leave(op: Operation): Operation[] {
    this.#operations.delete(op.id)
    this.#waiting.delete(op.id)
    for (const [side, issue] of op.pending) {
      this.#issues.delete(issue)
      op.pending.delete(side)
    }
    const freed = this.#queue.leave(op.id).map((id) => this.#operations.get(id))
    return freed
      .filter((next) => next !== undefined)
      .map((next) => {
        this.#waiting.delete(next.id)
        return next
      })
  }

  asked(op: Operation, side: Side, issue: number): void {
    op.pending.set(side, issue)
    this.#issues.set(issue, { op, side })
  }

  /** Undefined for an answer that nobody waits for any more. */
  answered(issue: number): { readonly op: Operation; readonly side: Side } | undefined {
    const asked = this.#issues.get(issue)
    this.#issues.delete(issue)
    asked?.op.pending.delete(asked.side)
    return asked
  }

  /** What this replica still owed an answer for; it will give none. */
  lost(side: Side): Operation[] {
    const owed = [...this.#issues].filter(([, asked]) => asked.side === side)
    for (const [issue] of owed) this.answered(issue)
    return owed.map(([, { op }]) => op)
  }
}

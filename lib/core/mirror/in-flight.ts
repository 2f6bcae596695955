import { Numbered } from '../domain/numbered'
import { isChange } from '../domain/replica-request'
import type { Side } from './events'
import { BIT, type Operation } from './operation'
import { overlap, RangeQueue } from './range-queue'

/** Operations under way, and what was asked of which replica for each. */
export class InFlight {
  /** A copy reads what it copies, and waits for all. */
  readonly #queue = new RangeQueue<Operation>(({ told }, { job }) => told && this.#passes && job === null)
  #passes = false
  readonly #issues = new Numbered<Operation>()
  /** Grows with each thing asked of a replica. */
  #lastIssue = 0

  /** Changes, flushes and copies that do not wait for their range. */
  get running(): readonly Operation[] {
    return this.#queue.running
  }

  get lastIssue(): number {
    return this.#lastIssue
  }

  /** True when the operation may run at once. */
  enter(op: Operation): boolean {
    return this.#queue.enter(op)
  }

  /**
   * Whether a change of the guest passes an earlier one of the same bytes that was answered, and that the peer alone still lacks: the peer
   * does them in order. Answers those that may run now.
   */
  pass(passes: boolean): readonly Operation[] {
    this.#passes = passes
    return this.#queue.freed()
  }

  /** Its guest is answered while the peer still lacks it. Answers those that may run now. */
  told(op: Operation): readonly Operation[] {
    op.told = true
    return this.#queue.freed()
  }

  /** The operation is over, or given up. Answers those that may run now. */
  leave(op: Operation): readonly Operation[] {
    for (const side of ['local', 'peer'] as const) {
      if (op.issue[side] !== 0) this.#issues.take(op.issue[side])
      op.issue[side] = 0
    }
    return this.#queue.leave(op)
  }

  /** Number of what is asked of this side now. */
  asked(op: Operation, side: Side): number {
    const issue = ++this.#lastIssue
    op.issue[side] = issue
    this.#issues.set(issue, op)
    return issue
  }

  /** Undefined for an answer that nobody waits for any more. */
  answered(issue: number): Operation | undefined {
    return this.#issues.take(issue)
  }

  /** What this replica still owed an answer for; it will give none. */
  lost(side: Side): Operation[] {
    const owed = this.#issues.entries().filter(([issue, op]) => op.issue[side] === issue)
    for (const [issue, op] of owed) {
      this.#issues.take(issue)
      op.issue[side] = 0
    }
    return owed.map(([, op]) => op)
  }

  /** A change of the same bytes that the guest asked for earlier has not come to this replica yet. */
  isAhead(read: Operation, side: Side): boolean {
    const isOne = (op: Operation): boolean =>
      op.order < read.order && !isDone(op, side) && isChange(op.request) && op.job === null && overlap(op, read)
    return this.#queue.running.some(isOne) || this.#queue.waiting.some(isOne)
  }

  /** Every change numbered below this has been answered by all it was asked of. */
  get answeredBefore(): number {
    let before = this.#lastIssue + 1
    for (const op of this.running) {
      if (!isChange(op.request) && op.job === null) continue
      for (const side of ['local', 'peer'] as const) if (op.issue[side] !== 0) before = Math.min(before, op.issue[side])
    }
    return before
  }
}

export const isDone = (op: Operation, side: Side): boolean => (op.done & BIT[side]) !== 0

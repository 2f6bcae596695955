import { type BlockRun, blocksOf } from '../domain/dirty-bitmap'
import type { Side } from './events'
import { otherSide, SIDES } from './events'
import type { Operation } from './operation'
import type { Replica } from './replica'

export interface ReadNeeds {
  readonly replicas: Readonly<Record<Side, Replica>>
  /** The one to read from, if there is any. */
  readonly reader: () => Side | undefined
  /** A change of the same bytes that was asked for earlier has not come to this replica yet. */
  readonly isAhead: (op: Operation, side: Side) => boolean
  /** These blocks of this replica are compared before others. */
  readonly want: (side: Side, run: BlockRun) => void
  readonly issue: (op: Operation, side: Side) => void
}

/** Reads of the guest, and those that wait until it is safe to believe what they would read. */
export class Reads {
  #parked: Operation[] = []

  constructor(private readonly needs: ReadNeeds) {}

  /**
   * What one listed replica may hold and the other not is first made the same: once read, it must not be undone by a failover. A
   * change under way may have been read already, too, from a replica that has failed since.
   */
  ask(op: Operation): void {
    const side = this.needs.reader()
    if (side === undefined || this.#mayBeUndone(op, side) || this.needs.isAhead(op, side)) this.#parked.push(op)
    else this.needs.issue(op, side)
  }

  /** Until something has changed. */
  park(op: Operation): void {
    this.#parked.push(op)
  }

  retry(): void {
    if (this.#parked.length === 0) return
    const parked = this.#parked
    this.#parked = []
    for (const op of parked) this.ask(op)
  }

  #mayBeUndone({ request: { offset, length } }: Operation, reader: Side): boolean {
    const { replicas, want } = this.needs
    const { state } = replicas[otherSide(reader)]
    if (state !== 'member' && state !== 'out') return false
    let found = false
    for (const side of SIDES) {
      if (!replicas[side].dirty.touches(offset, length)) continue
      if (state === 'member') want(side, blocksOf(offset, length))
      found = true
    }
    return found
  }
}

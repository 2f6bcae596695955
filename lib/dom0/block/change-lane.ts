import { getSystemErrorName } from 'node:util'
import { must } from '../../core/domain/assert'
import type { NativeIo, NativeLane } from './native-io'
import { failure } from '../system/system-error'
import { TurnEnd } from '../socket/turn-end'

interface Change {
  /** The lane's thread reads it; held here so that it lives. */
  readonly data: Buffer | null
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const COLLECTED_MAX = 256

/** Changes or flushes of one open file on a thread of its own, woken once for many. Rejects with the system's error. */
export class ChangeLane {
  private readonly lane: NativeLane
  private readonly changes: (Change | null)[] = []
  private readonly freeSlots: number[] = []
  private readonly collected = new Int32Array(2 * COLLECTED_MAX)
  /** After what this turn of the loop still sends or asks: the thread shall not take the processor from it. */
  private readonly wake = new TurnEnd(() => this.native.wake(this.lane))
  private whenEmpty: (() => void) | null = null

  constructor(
    private readonly native: NativeIo,
    fd: number,
  ) {
    this.lane = native.openLane(fd, () => this.collect(false))
  }

  /** Null when it has no room. `mayWait`: the caller will `collect`, since nobody waits for this alone. */
  write(offset: number, data: Buffer, mayWait = false): Promise<void> | null {
    const slot = this.freeSlot()
    return this.asked(slot, data, this.native.write(this.lane, slot, offset, data, mayWait))
  }

  /** By the file system itself, which may not know how (`ENOTSUP`). Null when there is no room. */
  zero(offset: number, length: number, punch: boolean): Promise<void> | null {
    const slot = this.freeSlot()
    return this.asked(slot, null, this.native.zero(this.lane, slot, offset, length, punch))
  }

  /** What was written before, by this lane or another, is on stable storage. Null when there is no room. */
  flush(mayWait = false): Promise<void> | null {
    const slot = this.freeSlot()
    return this.asked(slot, null, this.native.flush(this.lane, slot, mayWait))
  }

  /** What has ended is told now. `hurry`: and what has not, as soon as it has. */
  collect(hurry: boolean): void {
    if (this.freeSlots.length === this.changes.length) return
    let count: number
    do {
      count = this.native.collect(this.lane, this.collected, hurry)
      for (let at = 0; at < count; at++) this.ended(this.collected[2 * at], this.collected[2 * at + 1])
    } while (count === COLLECTED_MAX)
    if (this.freeSlots.length === this.changes.length) this.whenEmpty?.()
  }

  /** After what is under way. */
  async close(): Promise<void> {
    if (this.freeSlots.length < this.changes.length) await new Promise<void>((resolve) => (this.whenEmpty = resolve))
    this.native.closeLane(this.lane)
  }

  private freeSlot(): number {
    const slot = this.freeSlots.pop()
    return slot ?? this.changes.push(null) - 1
  }

  private asked(slot: number, data: Buffer | null, hasRoom: boolean): Promise<void> | null {
    if (!hasRoom) {
      this.freeSlots.push(slot)
      return null
    }
    this.wake.ask()
    return new Promise((resolve, reject) => (this.changes[slot] = { data, resolve, reject }))
  }

  private ended(slot = 0, errno = 0): void {
    const change = must(this.changes[slot], 'a change ends once')
    this.changes[slot] = null
    this.freeSlots.push(slot)
    if (errno === 0) change.resolve()
    else change.reject(failure(getSystemErrorName(-errno), 'the replica failed'))
  }
}

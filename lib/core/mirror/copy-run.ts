import { BLOCK_BYTES } from './dirty-bitmap'
import type { Replica } from './replica'

/** Bytes copied at a time: long enough to stream, short enough that a guest write of the same range waits only milliseconds. */
const COPY_BYTES = 512 * 1024

export type CopyStep =
  | { readonly step: 'copy'; readonly offset: number; readonly length: number }
  | { readonly step: 'flush' }
  | { readonly step: 'join' }
  | { readonly step: 'wait' }

/** Where the resync of one replica stands: copies in disk order, one at a time, then a flush, then it may join the claim. */
export class CopyRun {
  #operation: number | null = null
  #flush: number | null = null
  #flushed = false
  #cursor = 0
  #blocked = false

  constructor(readonly replica: Replica) {}

  /** Id of the copy under way. */
  get operation(): number | null {
    return this.#operation
  }

  restart(): void {
    this.#operation = null
    this.#flush = null
    this.#flushed = false
    this.#cursor = 0
    this.#blocked = false
  }

  /** `running`: operations that are not over; a flush of ours that is no longer among them is done. */
  next(running: { has(id: number): boolean }): CopyStep {
    if (this.#operation !== null || this.#blocked) return { step: 'wait' }
    if (this.#flush !== null) {
      if (running.has(this.#flush)) return { step: 'wait' }
      this.#flush = null
      this.#flushed = true
    }
    const { dirty } = this.replica
    if (dirty.count === 0) return this.#flushed ? { step: 'join' } : { step: 'flush' }
    let block = dirty.next(this.#cursor)
    if (block < 0) block = dirty.next(0)
    let last = block
    while (last + 1 < dirty.blocks && dirty.has(last + 1) && (last + 2 - block) * BLOCK_BYTES <= COPY_BYTES) last++
    const { offset } = dirty.range(block)
    const end = dirty.range(last)
    return { step: 'copy', offset, length: end.offset + end.length - offset }
  }

  began(operation: number): void {
    this.#operation = operation
    this.#flushed = false
  }

  flushing(operation: number): void {
    this.#flush = operation
  }

  finished(offset: number, length: number): void {
    const first = offset / BLOCK_BYTES
    const last = Math.floor((offset + length - 1) / BLOCK_BYTES)
    for (let block = first; block <= last; block++) this.replica.dirty.clear(block)
    this.#cursor = last + 1
  }

  /** `why` is '' when the copy is on the target. A source that cannot be read stops the run: the operator is told. */
  ended(why: string): void {
    this.#operation = null
    if (why === 'source-unreadable') this.#blocked = true
  }
}

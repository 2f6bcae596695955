import { assert } from '../domain/assert'
import { BLOCK_BYTES, DirtyBitmap } from './dirty-bitmap'

/**
 * One replica in the eyes of the mirror.
 *
 *     absent ──up──> resyncing ──nothing dirty──> joining ──claim lists it──> member
 *       ^               │ fails                      │ fails                     │ fails
 *       └───────────────┘                            v                          v
 *       └────────────claim no longer lists it────── out <────────────────────────┘
 *
 * member, joining and out bind: no write may be acknowledged that they lack, because the stored claim lists them or may list
 * them. resyncing replicas get every write too, but only from joining on do they count.
 */
export type ReplicaState = 'absent' | 'resyncing' | 'joining' | 'member' | 'out'

const ALLOWED: Readonly<Record<ReplicaState, readonly ReplicaState[]>> = {
  absent: ['resyncing', 'member', 'out'],
  resyncing: ['joining', 'absent'],
  joining: ['member', 'out', 'resyncing'],
  member: ['out', 'resyncing'],
  out: ['absent', 'member'],
}

export class Replica {
  #state: ReplicaState = 'absent'
  /** Blocks it lacks, relative to what the guest was told is written. */
  readonly dirty: DirtyBitmap
  /** Blocks written to it since a flush was last asked for: lost if its machine loses power. */
  unflushed = new Set<number>()
  identity = ''
  incarnation = ''
  /** It is the replica that was written before it went away, so `dirty` tells all that it lacks. */
  contentsKnown = false
  /** It was away in a way that may have cost it writes: only a resync makes it whole, however often it reconnects. */
  missedWrites = false

  constructor(sizeBytes: number) {
    this.dirty = new DirtyBitmap(sizeBytes)
    this.dirty.markAll()
  }

  get state(): ReplicaState {
    return this.#state
  }

  become(next: ReplicaState): void {
    assert(ALLOWED[this.#state].includes(next), `replica: invalid transition ${this.#state} -> ${next}`)
    this.#state = next
  }

  /** Gets reads, writes and flushes. */
  get usable(): boolean {
    return this.#state === 'resyncing' || this.#state === 'joining' || this.#state === 'member'
  }

  /** The stored claim lists it, or may. */
  get binding(): boolean {
    return this.#state === 'member' || this.#state === 'joining' || this.#state === 'out'
  }

  /** A write has reached it, but perhaps only its cache. */
  cached(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / BLOCK_BYTES)
    for (let block = Math.floor(offset / BLOCK_BYTES); block <= last; block++) this.unflushed.add(block)
  }

  /** Takes the set that a flush is about to make durable. */
  takeUnflushed(): Set<number> {
    const taken = this.unflushed
    this.unflushed = new Set()
    return taken
  }

  /** Its cache may be gone: what was not flushed is lacking. */
  distrust(blocks: Iterable<number> = this.unflushed): void {
    for (const block of blocks) {
      const { offset, length } = this.dirty.range(block)
      this.dirty.mark(offset, length)
    }
  }
}

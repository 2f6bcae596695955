import { assert } from '../domain/assert'
import { DirtyBitmap } from '../domain/dirty-bitmap'
import type { Presence } from '../domain/replica-request'
import { NO_GENERATIONS, type Generations } from '../domain/volume'
import type { History, Verdict } from './handshake'

/**
 * A replica as the mirror sees it:
 *
 *       listed at the start ─────────────────────────────────────────> out ──────── back ────────> member
 *     absent ── comes ──> resyncing ── all copied ──> joining ── claim lists it ──> member            │
 *       ^      fails │                                   │ fails                      │ fails         │
 *       │<───────────┘                                   v                            v               │
 *       └──────────claim no longer lists it─────────── out <──────────────────────────┴───────────────┘
 *
 * One that fails while it is joining, and was not proposed for the claim yet, is absent at once.
 *
 * member, joining and out bind: no write may be acknowledged that they lack, because the stored claim lists them or may list
 * them. resyncing replicas get every write too, but only from joining on do they count.
 */
export type ReplicaState = 'absent' | 'resyncing' | 'joining' | 'member' | 'out'

const ALLOWED: Readonly<Record<ReplicaState, readonly ReplicaState[]>> = {
  absent: ['resyncing', 'member', 'out'],
  resyncing: ['joining', 'absent'],
  joining: ['member', 'out', 'absent', 'resyncing'],
  member: ['out', 'resyncing'],
  out: ['absent', 'member'],
}

export class Replica {
  #state: ReplicaState = 'absent'
  /** Blocks it lacks, or, of a member, in which it may hold what was never acknowledged. */
  readonly dirty: DirtyBitmap
  /** Null while it cannot be used. */
  presence: Presence | null = null
  /** What its own notes say may differ; null once that is part of `dirty`. */
  bits: DirtyBitmap | null = null
  /** The process that held it when it was used last. */
  lastIncarnation = ''
  /** As its last mark has made it. */
  history: History = { state: 'inconsistent', generations: NO_GENERATIONS }
  /** Marks on their way to it. */
  marks = 0
  /** Why its bytes and those of the other one may not be mixed; null when they may. */
  refused: Verdict | { readonly rule: string } | null = null
  lastError = ''
  /** The operator does not want its history. */
  givenUp = false

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

  /** It can be used. */
  came(presence: Presence, bits: DirtyBitmap): void {
    this.presence = presence
    this.bits = bits
    this.history = { state: presence.state, generations: presence.generations }
    this.marks = 0
    this.refused = null
  }

  /** It cannot be used any more. */
  went(error: string): void {
    this.lastError = error
    this.presence = null
    this.marks = 0
  }

  get generations(): Generations {
    return this.history.generations
  }

  /** Gets reads, writes and flushes. */
  get usable(): boolean {
    return this.#state === 'resyncing' || this.#state === 'joining' || this.#state === 'member'
  }

  /** The stored claim lists it, or may. */
  get binding(): boolean {
    return this.#state === 'member' || this.#state === 'joining' || this.#state === 'out'
  }
}

/** Whether the claim should list it: it has every write, or will have had it by then. `patient`: one never met is waited for. */
export function isWished({ state, lastIncarnation, lastError, presence }: Replica, patient: boolean): boolean {
  const awaited = patient && lastIncarnation === '' && lastError === '' && presence === null
  return state === 'member' || state === 'joining' || (state === 'out' && awaited)
}

import type { BlockRun } from './dirty-bitmap'
import type { Generations, ReplicaMetadata } from './volume'

/** What a guest asks. Offsets and lengths in bytes; the payload travels by reference and is never copied. */
export type GuestRequest =
  /** `room`: memory of that length to read into, if the asker has some. */
  | { readonly kind: 'read'; readonly offset: number; readonly length: number; readonly room?: () => Buffer }
  | { readonly kind: 'write'; readonly offset: number; readonly length: number; readonly data: Buffer; readonly fua: boolean }
  | { readonly kind: 'zero'; readonly offset: number; readonly length: number; readonly punch: boolean; readonly fua: boolean }
  | { readonly kind: 'flush'; readonly offset: 0; readonly length: 0 }

/** What a primary asks of a replica, its own or its peer's. */
export type ReplicaRequest =
  | GuestRequest
  /** Answered by one digest of DIGEST_BYTES for each block of the range, in order; the range begins at a block. */
  | { readonly kind: 'hash'; readonly offset: number; readonly length: number }
  | { readonly kind: 'mark'; readonly offset: 0; readonly length: 0; readonly mark: Mark }

export const DIGEST_BYTES = 32

/** A change of what a replica knows of itself. On stable storage when it is answered. */
export interface Mark {
  readonly state?: ReplicaMetadata['state']
  readonly generations?: Generations
  /** `all`: every block may differ, said before the head changes. `none`: no block does, said after it. */
  readonly bits: 'keep' | 'all' | 'none'
}

/** News for a replica that need no answer: what it may forget. */
export type Hint =
  /** Every change asked of it with a number below `before` is on stable storage on both replicas. */
  | { readonly kind: 'settled'; readonly before: number }
  /** These blocks are the same on both replicas, on stable storage. */
  | { readonly kind: 'clean'; readonly runs: readonly BlockRun[] }

/** What a replica says of itself when it can be used. */
export interface Presence {
  /** Names its contents: a new or replaced disk has a new one. */
  readonly identity: string
  /** Names the process that holds it open; the same one has forgotten nothing. */
  readonly incarnation: string
  readonly state: ReplicaMetadata['state']
  readonly generations: Generations
  /** False when its machine may have lost writes that were never flushed. */
  readonly cacheKept: boolean
}

export const isChange = (request: ReplicaRequest): request is Extract<GuestRequest, { kind: 'write' | 'zero' }> =>
  request.kind === 'write' || request.kind === 'zero'

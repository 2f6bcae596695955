import type { StateWay } from '../../../ports/capture'
import type { MemoryRange } from '../../../ports/changed-memory'

/** What the primary's worker says of a run, each with its term. */
export type EpochFrame =
  | {
      readonly type: 'epoch-begin'
      readonly run: number
      readonly memoryBytes: number
      readonly way: StateWay
      readonly term: number
    }
  | EpochPart
  | { readonly type: 'epoch-cut'; readonly run: number; readonly epoch: number; readonly term: number }
  | { readonly type: 'epoch-end'; readonly run: number; readonly epoch: number; readonly parts: number; readonly term: number }
  | { readonly type: 'epoch-leave'; readonly run: number; readonly term: number }

export type EpochPart = MemoryPart | DevicePart

interface PartOf {
  readonly type: 'epoch-part'
  readonly run: number
  readonly epoch: number
  readonly data: Buffer
  readonly term: number
}

export interface MemoryPart extends PartOf {
  readonly kind: 'memory'
  readonly runs: readonly MemoryRange[]
}

export interface DevicePart extends PartOf {
  readonly kind: 'device'
}

/** What the secondary's answers. */
export type EpochAnswer =
  | { readonly type: 'epoch-begun' | 'epoch-left' | 'epoch-press'; readonly run: number }
  | { readonly type: 'epoch-ack'; readonly run: number; readonly epoch: number }
  | { readonly type: 'epoch-failed'; readonly run: number; readonly error: string }

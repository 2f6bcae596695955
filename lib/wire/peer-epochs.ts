import type { FrameWay, GuestFrame } from '../core/domain/guest-frame'
import type { MemoryRange, StateWay } from '../core/domain/guest-memory'

/**
 * Lockstep between two workers; `run` and `epoch` as in core/checkpoint. Answers are not promised: each side's machine knows what it
 * waits for. A frame keeps its data until the other side has confirmed it, so that memory must not be written to before.
 */
export type EpochFrame = EpochOrder | EpochReport

/** The primary's, to a secondary whose welcome says that it understands them. */
export type EpochOrder =
  /** `memoryBytes`: whole pages. */
  | {
      readonly type: 'epoch-begin'
      readonly run: number
      readonly memoryBytes: number
      readonly way: StateWay
      readonly term: number
    }
  | EpochPart
  /** The guest stands: what comes before is of this epoch, also of its disk. */
  | { readonly type: 'epoch-cut'; readonly run: number; readonly epoch: number; readonly term: number }
  /** `parts`: of its memory, and of the device state since its last cut. */
  | { readonly type: 'epoch-end'; readonly run: number; readonly epoch: number; readonly parts: number; readonly term: number }
  | { readonly type: 'epoch-leave'; readonly run: number; readonly term: number }
  /** Some of what the guest has sent or what came for it before the pause of this epoch; at most EPOCH_TRAFFIC_BYTES_MAX. */
  | {
      readonly type: 'epoch-traffic'
      readonly run: number
      readonly epoch: number
      readonly way: FrameWay
      readonly frames: readonly GuestFrame[]
      readonly term: number
    }

/** At most EPOCH_PART_BYTES_MAX of data. The runs lie one after the other in it, and in the guest's memory ascend; it may be a part of nothing. */
export type EpochPart =
  | {
      readonly type: 'epoch-part'
      readonly run: number
      readonly epoch: number
      readonly kind: 'memory'
      readonly runs: readonly MemoryRange[]
      readonly data: Buffer
      readonly term: number
    }
  | {
      readonly type: 'epoch-part'
      readonly run: number
      readonly epoch: number
      readonly kind: 'device'
      /** A large state comes in several of them, in order. */
      readonly data: Buffer
      readonly term: number
    }

/** The secondary's. */
export type EpochReport =
  | { readonly type: 'epoch-begun' | 'epoch-left' | 'epoch-press'; readonly run: number }
  | { readonly type: 'epoch-ack'; readonly run: number; readonly epoch: number }
  | { readonly type: 'epoch-failed'; readonly run: number; readonly error: string }

/**
 * All frames go one behind the other: a ping or a guest's write waits until a part ahead of it is through, 36 ms for one of this size on a
 * link of 1 Gbit/s.
 */
export const EPOCH_PART_BYTES_MAX = 4 * 1024 * 1024

export const EPOCH_TRAFFIC_BYTES_MAX = 128 * 1024

export const isEpochFrame = (frame: { readonly type: string }): frame is EpochFrame => frame.type.startsWith('epoch-')

const REPORTS: ReadonlySet<string> = new Set<EpochReport['type']>([
  'epoch-begun',
  'epoch-left',
  'epoch-press',
  'epoch-ack',
  'epoch-failed',
])

export const isEpochReport = (frame: EpochFrame): frame is EpochReport => REPORTS.has(frame.type)

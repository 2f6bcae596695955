/** What the daemon and a VM's worker say to each other about lockstep. Times in milliseconds. */
import type { StateWay } from '../core/domain/guest-memory'

/** What an operator may set for a VM; what is left out is as the release has it. */
export interface LockstepSettings {
  /** From the guest's going on to its next pause: at least, and at most while nothing waits for it. */
  readonly intervalMinMs?: number
  readonly intervalMaxMs?: number
}

/** A running guest that was looked at for a moment, as it would be in lockstep. Each `why` is a sentence's end. */
export type LockstepForecast =
  | { readonly can: false; readonly why: readonly string[] }
  | {
      readonly can: true
      readonly memoryBytes: number
      readonly way: StateWay
      readonly changedBytesPerEpoch: number
      readonly bytesPerSecond: number
      readonly pauseMs: number
      /** In the median: half an epoch, its pause and its way to the peer. */
      readonly outputDelayMs: number
    }

export type LockstepMeasure = Extract<LockstepForecast, { can: true }>

/** Of a primary whose VM is to be in lockstep. Figures are null while nothing is known; see EpochFigures. */
export interface LockstepReport {
  /** The guest would go on from its memory if this host were lost now. */
  readonly isKept: boolean
  /** Where it is on its way there, as docs/reference/lockstep.md names them. */
  readonly state: string
  /** Why it is not kept, a sentence's end; '' when it is. */
  readonly why: string
  readonly epochsConfirmed: number
  readonly pauseMedianMs: number | null
  readonly pauseP99Ms: number | null
  readonly bytesPerEpoch: number | null
  readonly outputDelayMedianMs: number | null
  readonly outputDelayP99Ms: number | null
  readonly heldBytes: number
}

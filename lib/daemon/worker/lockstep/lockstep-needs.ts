import { EPOCH_LIMITS, type EpochLimits, type Life } from '../../../core/checkpoint/epochs'
import type { ClaimedMemory, EpochNews } from '../../../core/checkpoint/events'
import type { EpochFigures } from '../../../core/checkpoint/figures'
import type { OpenCapture } from '../../../ports/capture'
import type { Clock } from '../../../ports/clock'
import type { Timers } from '../../../ports/timers'
import type { EpochOutputNeeds } from './epoch-output'
import { PART_LIMITS, type PartLimits } from './epoch-parts'
import type { EpochLink } from './outbox'

export interface LockstepPrimaryNeeds {
  readonly clock: Clock
  readonly timers: Timers
  readonly openCapture: OpenCapture
  readonly holdOutput: EpochOutputNeeds['holdOutput']
  /** Null while the peer is not connected. */
  readonly link: () => EpochLink | null
  readonly term: () => number
  /** Random: no two of a VM are ever equal. */
  readonly newRun: () => number
  /** To be stored by the witness, in this order; answered by `claimed`, or `spent`. */
  readonly claim: (wish: ClaimedMemory, run: number) => void
  readonly answer: (when: 'local' | 'both') => void
  /** This host's guest may not go on. */
  readonly destroy: () => void
  readonly tell: (news: EpochNews) => void
  /** Of what goes wrong beside it. */
  readonly note: (text: string, error: string) => void
}

export interface PrimaryLimits {
  readonly epochs: EpochLimits
  readonly parts: PartLimits
}

export const PRIMARY_LIMITS: PrimaryLimits = { epochs: EPOCH_LIMITS, parts: PART_LIMITS }

export interface LockstepStatus extends EpochFigures {
  readonly state: Life
  readonly run: number
  readonly heldBytes: number
}

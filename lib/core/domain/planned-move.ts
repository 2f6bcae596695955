import type { HostUuid } from './ids'

/**
 * What was asked of a VM by an operator: to run on the other of its two hosts. Both hosts remember it in the records of its disks until it
 * has ended, so that whichever of them holds the claim after a restart, or after the other one's death, goes on with it.
 */
export interface PlannedMove {
  readonly to: HostUuid
  readonly from: HostUuid
  /** It ran, and is to be started again. */
  readonly starts: boolean
  /** It is on its way back, because it could not be started where it was moved to; it is not turned around again. */
  readonly back: boolean
  readonly state: 'under-way' | 'moved' | 'failed'
  /** Once it has ended: what became of it, a sentence for the operator. */
  readonly text: string
}

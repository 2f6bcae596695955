import type { Claim, Decision } from './claim'
import type { HostUuid } from './ids'

/** What a host keeps on stable storage about which of two witnesses decides about a VM. */
export interface DeciderNote extends Decision {
  /** The claim that is to be carried to that witness; null once it is known to have it. */
  readonly pending: Claim | null
  /** Other hosts that may still have it as pending, and would carry it: as long as they may, the claim is not forgotten. Absent: none. */
  readonly untold?: readonly HostUuid[]
}

/** The same as one host tells it to the other: what is on its stable storage. */
export interface Noted extends Decision {
  /** Of the claim that is pending there; null: none is. */
  readonly pendingTerm: number | null
}

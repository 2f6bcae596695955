import type { PrepareStandby } from '../../../ports/standby-machine'
import type { EpochReport } from '../../../wire/peer-epochs'

export interface LockstepStandbyNeeds<Change> {
  readonly vm: string
  readonly prepare: PrepareStandby
  /** To the primary; what cannot be sent is lost with the conversation. */
  readonly send: (answer: EpochReport) => void
  /** A change of the disk, to its replica: resolves with '' or the system's code. The primary is told by whoever does it. */
  readonly write: (change: Change) => Promise<string>
  /** So many changes of an epoch that was not committed. */
  readonly dropped: (changes: number) => void
  /** Of what goes wrong beside it. */
  readonly note: (text: string, error: string) => void
}

/** The guest stands here at the end of the last complete epoch, and is whose who has taken it over. */
export interface LoadedGuest {
  readonly domid: string
  /** Once its disks are served here. Calls `goes` when the guest does; resolves with '' when the host knows, too, or why not; may be asked again. */
  readonly goOn: (goes: () => void) => Promise<string>
}

/** What a take-over came to. */
export type TakenOver =
  | ({ readonly did: 'load'; readonly run: number; readonly epoch: number } & LoadedGuest)
  | { readonly did: 'restart' }
  | { readonly did: 'cannot'; readonly why: string }

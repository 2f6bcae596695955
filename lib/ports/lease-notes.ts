import type { LeaseNote } from '../core/domain/lease-note'

/** What a worker leaves for the watchdog of its host, which acts on it when the worker does not. */
export interface LeaseNotes {
  /** What a process before this one told last, and did not forget. */
  readonly left: LeaseTold | null
  /**
   * At least once a second while a guest is active, renewed or not, and before a guest is let in; it returns when the watchdog can
   * read it. True when the watchdog has paused the guest, or is about to: it is for the worker to unpause it when the lease is
   * valid. Throws nothing: what cannot be written is logged and told in `trouble`, and the last note stands.
   */
  tell(lease: LeaseTold): boolean
  /** No guest is active any more: nothing is to be stopped. */
  forget(): void
  /** One sentence for the operator; empty while notes can be written. */
  readonly trouble: string
}

/** `untilMs`: on the worker's clock, which is the machine's; a duration would grow with every pause of the process. */
export type LeaseTold = Omit<LeaseNote, 'id' | 'pid' | 'startedTicks' | 'toldAtMs'>

/** The notes of all workers of a host, as its watchdog reads them. */
export interface LeaseFolder {
  /** The newest that could be read of each; one that is damaged is as it last was. */
  read(): readonly LeaseNote[]
  /** For the worker: its guest is being paused, or has been. */
  paused(id: string, state: 'under-way' | 'done'): void
  /** For the daemon: its guest was destroyed. */
  destroyed(id: string): void
}

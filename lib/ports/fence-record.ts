import type { HostUuid } from '../core/domain/ids'

/** Which hosts an operator has confirmed to be off; kept over a restart of the daemon and of the machine. */
export interface FenceRecord {
  /** What cannot be read counts as never said. */
  read(): readonly ConfirmedOff[]
  /** On stable storage when it resolves, with the time of day. Rejects with the system's error. */
  save(host: HostUuid, who: string): Promise<ConfirmedOff>
  /** The host has been seen. Rejects with the system's error, and then the word may come back with the next start. */
  forget(host: HostUuid): Promise<void>
}

export interface ConfirmedOff {
  readonly host: HostUuid
  readonly who: string
  /** Wall clock, ISO 8601, for people. */
  readonly at: string
}

import type { DomainControl } from './domain-control'

/** What the watchdog can do to a domain, with the toolstack alone. Everything rejects with the toolstack's words or at a limit of time. */
export interface DomainFence extends Pick<DomainControl, 'pause' | 'state'> {
  /** Resolves as soon as its vCPUs do not run, which may be long before all of it is gone. */
  destroy(domid: string): Promise<void>
}

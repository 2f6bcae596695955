import type { DomainControl } from './domain-control'

/** What the watchdog can do to a domain, with the toolstack alone. Everything rejects with the toolstack's words or at a limit of time. */
export interface DomainFence extends Pick<DomainControl, 'pause'> {
  state(domid: string): Promise<DomainState>
  /** Resolves as soon as its vCPUs do not run, which may be long before all of it is gone. */
  destroy(domid: string): Promise<void>
}

/** `standing`: its vCPUs do not run, but somebody might let them: paused, shut down. `gone`: or no such domain. */
export type DomainState = 'running' | 'standing' | 'gone'

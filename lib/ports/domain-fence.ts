import type { DomainControl } from './domain-control'

/** What the watchdog can do to a domain, with the toolstack alone. Everything rejects with the toolstack's words or at a limit of time. */
export type DomainFence = Pick<DomainControl, 'pause' | 'state' | 'destroy'>

import type { HostUuid } from './ids'

/** What a host says of itself on every link, ten times a second. */
export interface Heartbeat {
  readonly pool: string
  readonly host: HostUuid
  /** Grows with every start of the sender. */
  readonly incarnation: number
  /** Grows with every heartbeat of one incarnation; the same on all links. */
  readonly counter: number
  /** Which of the pool's networks it was sent on: `management`, `alink0`, `alink1`. */
  readonly link: string
  readonly role: HostRole
}

/** What a host's daemon knows of the xapi beside it. */
export interface HostRole {
  readonly coordinator: boolean
  readonly xapiUp: boolean
}

export const HEARTBEAT_EVERY_MS = 100
/** Five heartbeats lost in a row and one under way. Less: a busy host is suspected. More: a dead host's VMs wait longer. */
export const SUSPECT_AFTER_MS = 600

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
  /** Null from a host of an earlier version. */
  readonly sender: SenderHealth | null
}

/** What a host's daemon knows of the xapi beside it. */
export interface HostRole {
  readonly coordinator: boolean
  readonly xapiUp: boolean
}

/** How the sender is, and whom it hears: by it a host that is slow or half cut off is told from one that is dead. */
export interface SenderHealth {
  /** The sender's own monotonic clock when this was sent; whole milliseconds. */
  readonly clockMs: number
  /** How much later than wanted its timer fired, at worst, in the last seconds. Whole milliseconds. */
  readonly worstLagMs: number
  readonly hears: readonly HeardHost[]
}

/** One host as another one hears it. */
export interface HeardHost {
  readonly host: HostUuid
  /** Of the newest heartbeat, whatever its link. */
  readonly counter: number
  /** Since that came; whole milliseconds. */
  readonly ageMs: number
  /** The links on which it was heard within SUSPECT_AFTER_MS; bits as linkBit says. */
  readonly links: number
}

export const HEARTBEAT_EVERY_MS = 100
/** Five heartbeats lost in a row and one under way. Less: a busy host is suspected. More: a dead host's VMs wait longer. */
export const SUSPECT_AFTER_MS = 600
/** What an operator may set it to. Less: an ordinary pause of the listener would count as a silence of all. */
export const SUSPECT_AFTER_LEAST_MS = 300
/** More, and a host that restarts is back before anybody missed it. */
export const SUSPECT_AFTER_MOST_MS = 60_000

/** As many as one heartbeat names: the datagram must fit where the smallest packets are 1280 bytes. A larger pool takes turns. */
export const HEARD_HOSTS_MAX = 32

const A_LINK = /^alink(\d|[12]\d)$/

/** The bit of a link in HeardHost.links; 0 for a link without a bit. */
export function linkBit(link: string): number {
  if (link === 'management') return 1
  const nth = A_LINK.exec(link)?.[1]
  return nth === undefined ? 0 : 2 ** (Number(nth) + 1)
}

/** Memory that a link keeps for what comes next: some large writes, or many small ones. */
export const IDLE_BYTES_MAX = 16 * 1024 * 1024
/** It is let go of when nothing was sent or received for so long. */
export const TRIM_EVERY_MS = 10_000

/** Milliseconds. Shorter ones find a dead link sooner and mistake a busy host for one. */
export interface LinkTimes {
  /** How often a link looks at its connections. */
  readonly tick: number
  /** A connection that heard nothing for so long is pinged. */
  readonly idle: number
  /** One that heard nothing for so long, with a ping unanswered, is passed over while another answers. */
  readonly silent: number
  /** A link none of whose connections heard anything for so long is down. */
  readonly downAfter: number
  /** A better connection must have answered for so long before the link moves back to it. */
  readonly settle: number
  /** From the start of a connection to its welcome. */
  readonly attempt: number
  readonly backoffMin: number
  readonly backoffMax: number
}

export const LINK_TIMES: LinkTimes = {
  tick: 25,
  idle: 50,
  silent: 120,
  downAfter: 1000,
  settle: 1000,
  attempt: 1000,
  backoffMin: 50,
  backoffMax: 1000,
}

/**
 * When a lease ends: for its holder, for its guest, for whoever waits to take the claim. All by monotonic clocks of different machines
 * that never tell each other the time.
 *
 * The holder asks at a moment q and counts `leaseMs` from it on its own clock. Whoever judges the lease (the witness, a peer that has
 * promised) hears that at a moment h, and counts from it on its own. Always q <= h, however long the message took. With h's clock at most
 * CLOCK_DRIFT_MAX faster than q's, `leaseMs` of q's clock are at most leaseMs * (1 + CLOCK_DRIFT_MAX) of h's. So a judge that waits so
 * long, and HICCUP_MS more, begins after the holder ended; the holder adds nothing to its own side.
 *
 * Where two clocks run apart by more, no write is lost all the same: a listed host that seals itself acknowledges nothing any more, and one
 * that is not listed cannot take the claim. Only what the old guest reads and sends can then be late.
 */

/** By how much more of its time one machine's monotonic clock counts than another's, at most: a hundred times what ordinary quartz does. */
export const CLOCK_DRIFT_MAX = 0.01

/** Between the look at the clock that found the lease valid and the answer that leaves because of it. */
export const HICCUP_MS = 50

/**
 * The guest's vCPUs are stopped at least this long before its lease ends: one tick of the worker, the start of a process, and what the
 * hypervisor takes to stop them. Less, and packets leave after the end. More, and a guest is paused for a delay that a lease is meant to
 * bear.
 */
export const PAUSE_MARGIN_MS = 250
/** Whoever chose a longer lease has slower hosts: they get this part of it, up to a limit. */
const PAUSE_MARGIN_SHARE = 1 / 6
const PAUSE_MARGIN_MOST_MS = 2000

/** How long before the end of a lease the guest's vCPUs are stopped. Milliseconds. */
export const pauseMarginMs = (leaseMs: number): number =>
  Math.max(PAUSE_MARGIN_MS, Math.min(PAUSE_MARGIN_MOST_MS, leaseMs * PAUSE_MARGIN_SHARE))

/** Default lease. Shorter: a busy host freezes its guests needlessly. Longer: a dead host's VMs wait longer. */
export const LEASE_MS = 1500

/** So many renewals fit in a lease: all but the last may be lost. */
const RENEWALS_PER_LEASE = 5

/** How often a holder renews. Milliseconds. */
export const renewEveryMs = (leaseMs: number): number => leaseMs / RENEWALS_PER_LEASE

/** How long after a sign of life of the holder its lease is over, on the clock of whoever heard it. Milliseconds. */
export const leaseOverAfterMs = (leaseMs: number): number => Math.ceil(leaseMs * (1 + CLOCK_DRIFT_MAX)) + HICCUP_MS

import type { HostUuid, VmUuid, VolumeKey } from './ids'

/**
 * Who may run a VM and whose bytes count (design section 2). Kept by the witness, changed only by compare-and-swap on
 * `revision`, durable before it is answered.
 */
export interface Claim {
  readonly vm: VmUuid
  /** Grows by one with every change of holder. A replica refuses a frame with a lower term. */
  readonly term: number
  readonly holder: HostUuid
  /** How long, after the witness last heard the holder, nobody else may take the claim. Milliseconds. */
  readonly leaseMs: number
  /** Per disk: the hosts whose replica has every acknowledged write. Never empty. */
  readonly upToDate: Readonly<Record<VolumeKey, readonly HostUuid[]>>
  /** Set by the lockstep level only. */
  readonly lockstep: { readonly secondary: HostUuid; readonly epoch: number } | null
}

/** A claim as the witness stores it. */
export interface StoredClaim {
  /** Changes with every stored change of the claim; what a compare-and-swap compares. */
  readonly revision: number
  readonly claim: Claim
}

/** True when `host` has every acknowledged write of every disk. */
export const isUpToDateEverywhere = (claim: Claim, host: HostUuid): boolean =>
  Object.values(claim.upToDate).every((hosts) => hosts.includes(host))

/**
 * A lease counts as over this much later than its length, on the clock of whoever judges it: monotonic clocks of two
 * machines may run apart by 1 % (a hundred times what ordinary quartz does), plus one scheduling hiccup. Holders give
 * themselves no such grace.
 */
export const leaseOverAfterMs = (leaseMs: number): number => Math.ceil(leaseMs * 1.01) + 50

/** Default lease. Shorter: a busy host freezes its guests needlessly. Longer: a dead host's VMs wait longer. */
export const LEASE_MS = 1500
/** Five renewals fit in a lease, so four may be lost. */
export const RENEW_EVERY_MS = 300

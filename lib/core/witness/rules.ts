import { type Claim, isUpToDateEverywhere } from '../domain/claim'
import { CLAIM_LIMITS, type ClaimRule } from '../domain/claim-request'

/** The first rule that `next` breaks as the successor of `old` (null: nothing is stored), or null. */
export function brokenRule(old: Claim | null, next: Claim): ClaimRule | null {
  const disks = Object.values(next.upToDate)
  if (disks.length === 0 || disks.some((hosts) => hosts.length === 0)) return 'up-to-date-never-empty'
  if (disks.length > CLAIM_LIMITS.disks || disks.some((hosts) => hosts.length > CLAIM_LIMITS.hostsPerDisk)) return 'size'
  if (disks.flat().length > CLAIM_LIMITS.hostsInAll || next.leaseMs > CLAIM_LIMITS.leaseMsMax) return 'size'
  if (old === null) return next.term >= 1 ? null : 'first-term'
  if (next.holder === old.holder) return next.term === old.term ? null : 'term-stays-with-holder'
  if (next.term !== old.term + 1) return 'term-grows-by-one'
  return isUpToDateEverywhere(old, next.holder) ? null : 'taker-up-to-date'
}

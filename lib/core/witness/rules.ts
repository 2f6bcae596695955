import { type Claim, generationOf, isUpToDateEverywhere } from '../domain/claim'
import { CLAIM_LIMITS, type ClaimRule } from '../domain/claim-request'

/** The first rule that `next` breaks as the successor of `old` (null: nothing is stored), or null. */
export function brokenRule(old: Claim | null, next: Claim): ClaimRule | null {
  const fault = faultOf(next)
  if (fault !== null || old === null) return fault
  if (generationOf(next) !== generationOf(old) || next.decided?.by !== old.decided?.by) return 'generation-by-carry'
  // What an operator accepted once is never forgotten, nor made up by a holder.
  const isMarked = next.lossAccepted === next.term && next.holder !== old.holder
  if (!isMarked && next.lossAccepted !== old.lossAccepted) return 'loss-stays-marked'
  if (next.holder === old.holder) return next.term === old.term ? null : 'term-stays-with-holder'
  if (next.term !== old.term + 1) return 'term-grows-by-one'
  return isMarked || isUpToDateEverywhere(old, next.holder) ? null : 'taker-up-to-date'
}

/**
 * The same for a claim that is carried here from another witness. What is stored here is of an earlier generation and binds nobody: its
 * term may even be higher, where somebody took the claim here when it was decided elsewhere.
 */
export const brokenCarry = (next: Claim): ClaimRule | null =>
  faultOf(next) ?? (generationOf(next) >= 1 ? null : 'generation-by-carry')

function faultOf({ upToDate, leaseMs, term }: Claim): ClaimRule | null {
  const disks = Object.values(upToDate)
  if (disks.length === 0 || disks.some((hosts) => hosts.length === 0)) return 'up-to-date-never-empty'
  if (disks.length > CLAIM_LIMITS.disks || disks.some((hosts) => hosts.length > CLAIM_LIMITS.hostsPerDisk)) return 'size'
  if (disks.flat().length > CLAIM_LIMITS.hostsInAll || leaseMs > CLAIM_LIMITS.leaseMsMax) return 'size'
  return term >= 1 ? null : 'first-term'
}

import { type Claim, isUpToDateEverywhere } from '../domain/claim'
import type { Outlook } from '../domain/guest-memory'
import type { HostUuid } from '../domain/ids'

/** What a secondary knows when it asks itself whether it may take a VM's claim. */
export interface TakeoverFacts {
  readonly me: HostUuid
  /** As last read from the witness; null: there is none. */
  readonly claim: Claim | null
  /** No heartbeat of the holder on any link, and no frame on the replication link. */
  readonly holderSuspected: boolean
  /** Fencing has been confirmed: the holder cannot act any more. */
  readonly holderFenced: boolean
  /** An operator has: what this host lacks of the acknowledged writes is given up. Counts for a fenced holder only. */
  readonly lossAccepted: boolean
  /** Left of our promise to the holder not to take its claim (every pong renews it). 0: none. */
  readonly promiseLeftMs: number
  /** What the standby here says of the run that the claim names; null: no standby is kept here. */
  readonly memory: Outlook | null
  /** The witness's last word on the holder's lease; `unasked` lets the compare-and-swap itself ask. */
  readonly lease: { readonly kind: 'unasked' } | { readonly kind: 'silent' } | { readonly kind: 'left'; readonly leftMs: number }
}

export type TakeoverVerdict =
  /** Swap the claim to `term + 1` now. */
  | {
      readonly verdict: 'take'
      readonly rule: 'take-over' | 'holder-fenced' | 'lockstep-secondary' | 'loss-accepted'
      readonly requireLeaseOver: boolean
      /** The run whose memory is here: asked with it, the swap waits for no lease. Absent: there is none. */
      readonly with?: number
    }
  /** Judge again after this long, with fresh facts. */
  | { readonly verdict: 'wait'; readonly rule: 'promise-current' | 'lease-current' | 'witness-silent'; readonly waitMs: number }
  | { readonly verdict: 'no'; readonly rule: 'no-claim' | 'holder-is-me' | 'not-up-to-date' | 'memory-not-here' | 'holder-alive' }

/** How soon a silent witness is asked again. */
export const ASK_AGAIN_MS = 200

/** Design section 2: a claim is taken only by a host that has every write, and only when the holder can no longer act. */
export function takeoverVerdict(facts: TakeoverFacts): TakeoverVerdict {
  const { claim, me, lease } = facts
  if (claim === null) return { verdict: 'no', rule: 'no-claim' }
  if (claim.holder === me) return { verdict: 'no', rule: 'holder-is-me' }
  if (!isUpToDateEverywhere(claim, me)) {
    if (facts.lossAccepted && facts.holderFenced) return { verdict: 'take', rule: 'loss-accepted', requireLeaseOver: false }
    return { verdict: 'no', rule: 'not-up-to-date' }
  }
  const { lockstep } = claim
  const isHere = lockstep === null || (lockstep.secondary === me && facts.memory !== null && facts.memory !== 'cannot')
  // What the guest was told of since is in that memory, and need not be on the disks here.
  if (!isHere) {
    if (facts.lossAccepted && facts.holderFenced) return { verdict: 'take', rule: 'loss-accepted', requireLeaseOver: false }
    return { verdict: 'no', rule: 'memory-not-here' }
  }
  if (facts.holderFenced) return { verdict: 'take', rule: 'holder-fenced', requireLeaseOver: false }
  if (!facts.holderSuspected) return { verdict: 'no', rule: 'holder-alive' }
  // The old holder's output waits for our acknowledgements, which have ended: it is harmless under a running lease. Only a witness of
  // an earlier release still speaks of it.
  if (lockstep !== null && facts.memory === 'load')
    return waitFor(lease) ?? { verdict: 'take', rule: 'lockstep-secondary', requireLeaseOver: true, with: lockstep.run }
  if (facts.promiseLeftMs > 0) return { verdict: 'wait', rule: 'promise-current', waitMs: facts.promiseLeftMs }
  return waitFor(lease) ?? { verdict: 'take', rule: 'take-over', requireLeaseOver: true }
}

function waitFor(lease: TakeoverFacts['lease']): TakeoverVerdict | null {
  if (lease.kind === 'silent') return { verdict: 'wait', rule: 'witness-silent', waitMs: ASK_AGAIN_MS }
  if (lease.kind === 'left' && lease.leftMs > 0) return { verdict: 'wait', rule: 'lease-current', waitMs: lease.leftMs }
  return null
}

import { type Claim, isUpToDateEverywhere } from '../domain/claim'
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
  /** The witness's last word on the holder's lease; `unasked` lets the compare-and-swap itself ask. */
  readonly lease: { readonly kind: 'unasked' } | { readonly kind: 'silent' } | { readonly kind: 'left'; readonly leftMs: number }
}

export type TakeoverVerdict =
  /** Swap the claim to `term + 1` now. */
  | {
      readonly verdict: 'take'
      readonly rule: 'take-over' | 'holder-fenced' | 'lockstep-secondary' | 'loss-accepted'
      readonly requireLeaseOver: boolean
    }
  /** Judge again after this long, with fresh facts. */
  | { readonly verdict: 'wait'; readonly rule: 'promise-current' | 'lease-current' | 'witness-silent'; readonly waitMs: number }
  | { readonly verdict: 'no'; readonly rule: 'no-claim' | 'holder-is-me' | 'not-up-to-date' | 'holder-alive' }

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
  if (facts.holderFenced) return { verdict: 'take', rule: 'holder-fenced', requireLeaseOver: false }
  if (!facts.holderSuspected) return { verdict: 'no', rule: 'holder-alive' }
  // The old holder's output waits for our acknowledgements, which have ended: it is harmless under a running lease.
  if (claim.lockstep?.secondary === me) return { verdict: 'take', rule: 'lockstep-secondary', requireLeaseOver: false }
  if (facts.promiseLeftMs > 0) return { verdict: 'wait', rule: 'promise-current', waitMs: facts.promiseLeftMs }
  if (lease.kind === 'silent') return { verdict: 'wait', rule: 'witness-silent', waitMs: ASK_AGAIN_MS }
  if (lease.kind === 'left' && lease.leftMs > 0) return { verdict: 'wait', rule: 'lease-current', waitMs: lease.leftMs }
  return { verdict: 'take', rule: 'take-over', requireLeaseOver: true }
}

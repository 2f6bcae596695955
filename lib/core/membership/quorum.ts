import type { WithoutQuorum } from '../domain/without-quorum'

/** What a host knows of a VM of its own when it asks itself whether the guest may go on. */
export interface QuorumFacts {
  readonly behaviour: WithoutQuorum
  readonly role: 'holder' | 'secondary'
  /** As Holder tells it. `ending`: the guest's vCPUs have to stop, and answers may still leave. */
  readonly lease: 'valid' | 'ending' | 'over'
  /** Length of a lease. Milliseconds. */
  readonly leaseMs: number
  readonly isPreferred: boolean
  /** Every disk has a member replica on this host: no acknowledged write is missing here. */
  readonly hasEveryWrite: boolean
  /** Since anything of any of the others was heard, on any link. Milliseconds. */
  readonly othersSilentMs: number
  /** The history of every disk has parted from the others', durably. */
  readonly hasParted: boolean
}

export type QuorumVerdict =
  /** The guest runs, its requests are answered. */
  | { readonly act: 'serve'; readonly rule: 'lease-valid' | 'continues-alone' }
  /** The guest is paused; nothing is answered once the lease is over. */
  | { readonly act: 'pause'; readonly rule: 'lease-ending' | 'freeze' | 'not-preferred' | 'lacks-writes' | 'others-heard' }
  | { readonly act: 'destroy'; readonly rule: 'stop' }
  /** The histories part, while the guest is paused; then ask again. */
  | { readonly act: 'part'; readonly rule: 'continue' }
  /** A secondary has no guest, and gets none without the witness: what it knows of the claim may be old. */
  | { readonly act: 'nothing'; readonly rule: 'only-a-holder' }

/** So many leases of silence before a preferred survivor goes on alone: whoever could be heard has been given the time to speak. */
export const SILENT_LEASES = 2

/**
 * What becomes of the guest, judged anew whenever a fact changes. Nothing here makes a lease longer: without one, only the pool's explicit
 * wish to take the risk keeps a guest running. That every other host is off now proves nothing: one of them may have taken the claim, and
 * have served, between the end of the lease and its own end.
 */
export function quorumVerdict(facts: QuorumFacts): QuorumVerdict {
  const { lease, behaviour } = facts
  if (facts.role === 'secondary') return { act: 'nothing', rule: 'only-a-holder' }
  if (lease === 'valid') return { act: 'serve', rule: 'lease-valid' }
  if (lease === 'ending') return { act: 'pause', rule: 'lease-ending' }
  if (behaviour === 'stop') return { act: 'destroy', rule: 'stop' }
  if (behaviour === 'freeze') return { act: 'pause', rule: 'freeze' }
  if (!facts.isPreferred) return { act: 'pause', rule: 'not-preferred' }
  if (!facts.hasEveryWrite) return { act: 'pause', rule: 'lacks-writes' }
  if (facts.othersSilentMs < SILENT_LEASES * facts.leaseMs) return { act: 'pause', rule: 'others-heard' }
  return facts.hasParted ? { act: 'serve', rule: 'continues-alone' } : { act: 'part', rule: 'continue' }
}

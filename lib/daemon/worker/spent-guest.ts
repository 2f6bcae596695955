import type { Claim } from '../../core/domain/claim'
import type { WorkerSpec } from '../../wire/worker-api'
import { domainsOf, GuestDomains } from './guest-domains'
import type { WorkerParts } from './parts'

/** Ends a guest that this host ran under a term that is spent; its worker was not there to see the end of it. */
export async function endSpentGuest({ attached }: WorkerSpec, { vm, term, holder }: Claim, parts: WorkerParts): Promise<void> {
  const domids = domainsOf(Object.values(attached).map(({ domain, active }) => ({ attachedTo: domain, active })))
  if (domids.size === 0) return
  parts.timeline.record({
    ...{ vm, act: 'claim-lost', rule: 'term-spent' },
    text: `Another host took the claim (term ${term}) while this host's worker was away: this host stops the VM.`,
    evidence: { term, holder },
  })
  await new GuestDomains(parts).destroy(domids)
}

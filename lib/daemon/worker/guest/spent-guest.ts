import type { Claim } from '../../../core/domain/claim'
import type { WorkerSpec } from '../../../wire/worker-api'
import { domainsIn } from './guest-domains'
import type { WorkerParts } from '../parts'

type EndParts = Pick<WorkerParts, 'clock' | 'domains' | 'leases' | 'log' | 'timers'>

/** A toolstack that did not destroy a domain is asked again; after so many times it is the watchdog's. */
const TRIES = 3
const AGAIN_MS = 500
/** The watchdog need not do what is being done. */
const HEAD_START_MS = 300

/** Ends domains that this host may not run any more. Until they are gone, the watchdog of this host is told to do the same. */
export async function endDomains(domids: ReadonlySet<string>, parts: EndParts): Promise<void> {
  const { clock, leases, log, timers } = parts
  const untilMs = clock.nowMs() + HEAD_START_MS
  if (domids.size > 0) leases.tell({ domids: [...domids], untilMs, then: 'destroy', pauseWithinMs: 0, isPaused: false })
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const left = await Promise.all([...domids].map((domid) => isLeft(domid, parts)))
    if (!left.includes(true)) {
      leases.forget()
      return
    }
    if (tries < TRIES) await timers.pause(AGAIN_MS)
  }
  log.error('the VM could not be ended here; that is left to the watchdog of this host', { domids: [...domids].join(' ') })
}

/** Destroyed first, then looked at: a domain is gone when the toolstack does not list it. */
async function isLeft(domid: string, { domains, log }: EndParts): Promise<boolean> {
  try {
    await domains.destroy(domid)
  } catch (error) {
    // The toolstack's own words, also for one that was gone already.
    log.warn('cannot destroy the domain', { domid, error: String(error) })
  }
  try {
    return (await domains.state(domid)) !== 'gone'
  } catch (error) {
    log.error('cannot tell whether the domain is gone', { domid, error: String(error) })
    return true
  }
}

/** Ends a guest that this host ran under a term that is spent; its worker was not there to see the end of it. */
export async function endSpentGuest({ attached }: WorkerSpec, { vm, term, holder }: Claim, parts: WorkerParts): Promise<void> {
  const known = domainsIn(attached)
  const domids = new Set([...known, ...(parts.leases.left?.domids ?? [])])
  if (known.size > 0)
    parts.timeline.record({
      ...{ vm, act: 'claim-lost', rule: 'term-spent' },
      text: `Another host took the claim (term ${term}) while this host's worker was away: this host stops the VM.`,
      evidence: { term, holder },
    })
  await endDomains(domids, parts)
}

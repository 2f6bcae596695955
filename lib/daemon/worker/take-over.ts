import type { StoredClaim } from '../../core/domain/claim'
import { leaseOverAfterMs } from '../../core/domain/claim'
import type { TakeoverFacts } from '../../core/membership/takeover'
import { ASK_AGAIN_MS, takeoverVerdict } from '../../core/membership/takeover'
import { unlessUnreachable } from './claim-keeper'
import type { ClaimNotTaken } from '../../wire/worker-api'
import type { WorkerParts } from './parts'
import type { Secondary } from './secondary'
import { holdsAfterAll } from './unknown-claim'

/** Longer than two leases: a holder that still renews after this is alive, whatever the heartbeats say. */
const GIVE_UP_AFTER_MS = 6000
/** A primary pings five times as often: its worker lives, and only its daemon is silent. */
const HEARD_WITHIN_MS = 500
/** The claim lists this host, and a replica here is not what the claim takes it for: the other host's is not thrown out for it. */
const NOT_FIT = 'replica-failed'

export type TakeOver = { readonly taken: true; readonly stored: StoredClaim; readonly leaseFromMs: number | null } | ClaimNotTaken

/**
 * Takes the claim of a holder whose host is suspected. The secondary is sealed first: from then on the old primary gets nothing
 * acknowledged, and our promises to it run out. Unsealed again when the claim is not taken. A primary that is still heard on the
 * replication link is left alone: losing its daemon must cost nothing.
 *
 * A swap whose answer was lost may have been stored. Until somebody has read the claim since, the secondary may hold it, and says so.
 */
export async function takeOver(secondary: Secondary, me: TakeoverFacts['me'], parts: WorkerParts): Promise<TakeOver> {
  const { clock, timers, witness } = parts
  const begunMs = clock.nowMs()
  const isHeard = begunMs < secondary.lastHeardMs + HEARD_WITHIN_MS
  if (isHeard && !(await holdsAfterAll(secondary, me, parts)))
    return notTaken(secondary, secondary.mayHold ? 'witness-silent' : 'holder-alive')
  const pauseOf = (ms: number): Promise<void> => timers.pause(Math.min(ms, Math.max(0, begunMs + GIVE_UP_AFTER_MS - clock.nowMs())))
  secondary.seal()
  let why = 'gave-up'
  let lease: TakeoverFacts['lease'] = { kind: 'unasked' }
  while (clock.nowMs() < begunMs + GIVE_UP_AFTER_MS) {
    const stored = await unlessUnreachable(witness.read(secondary.claim.claim.vm))
    if (stored === undefined) {
      why = 'witness-silent'
      await timers.pause(ASK_AGAIN_MS)
      continue
    }
    const promiseLeftMs = Math.max(
      0,
      secondary.rules.lastPromiseMs + leaseOverAfterMs(stored?.claim.leaseMs ?? 0) - clock.nowMs(),
    )
    secondary.mayHold = stored?.claim.holder === me
    // A lost answer to a swap of ours may have been a yes. Promises bind all the same.
    if (stored?.claim.holder === me) {
      if (promiseLeftMs === 0) return { taken: true, stored, leaseFromMs: null }
      why = 'promise-current'
      await pauseOf(promiseLeftMs)
      continue
    }
    const verdict = takeoverVerdict({
      ...{ me, claim: stored?.claim ?? null, lease, promiseLeftMs },
      holderSuspected: true,
      holderFenced: false,
    })
    why = verdict.rule
    if (verdict.verdict === 'no') break
    if (!secondary.isFit) {
      why = NOT_FIT
      break
    }
    if (verdict.verdict === 'wait') {
      lease = { kind: 'unasked' }
      await pauseOf(verdict.waitMs)
      continue
    }
    if (stored === null) break
    const next = secondary.nextClaim(stored.claim)
    const askedAtMs = clock.nowMs()
    const { requireLeaseOver } = verdict
    const answer = await unlessUnreachable(witness.compareAndSwap(stored.revision, next, { requireLeaseOver }))
    if (answer?.stored === true)
      return { taken: true, stored: { revision: answer.revision, claim: next }, leaseFromMs: askedAtMs }
    if (answer === undefined) {
      secondary.mayHold = true
      lease = { kind: 'silent' }
      why = 'witness-silent'
    } else if (answer.why === 'lease') {
      lease = { kind: 'left', leftMs: answer.leaseLeftMs }
      why = 'lease-current'
    } else {
      why = 'swap-refused'
      await timers.pause(ASK_AGAIN_MS)
    }
  }
  secondary.rules.unseal()
  return notTaken(secondary, why)
}

const notTaken = ({ mayHold }: Secondary, why: string): ClaimNotTaken =>
  mayHold ? { taken: false, why, mayHold } : { taken: false, why }

import type { StoredClaim } from '../../../core/domain/claim'
import type { HostUuid } from '../../../core/domain/ids'
import { type TakenRule, Taking, type TakingEffect, type TakingEvent } from '../../../core/membership/taking'
import type { ClaimNotTaken } from '../../../wire/worker-api'
import { unlessUnreachable } from './claim-keeper'
import { FenceWord } from './fence-word'
import type { WorkerParts } from '../parts'
import type { Secondary } from '../secondary'
import { within } from '../within'

/** A busy disk may be slower, and is no worse for it. */
const LOOK_LIMIT_MS = 500

export type TakeOver =
  | {
      readonly taken: true
      readonly rule: TakenRule
      readonly stored: StoredClaim
      readonly leaseFromMs: number | null
      /** See TakingEffect. */
      readonly claimed: number | null
    }
  | ClaimNotTaken

type Asked = Extract<TakingEffect, { do: 'listen' | 'read' | 'swap' | 'wait' }>

/** Carries the wishes of the machine that takes a claim to the secondary and the witness, and the answers back. */
export async function takeOver(
  secondary: Secondary,
  me: HostUuid,
  parts: WorkerParts,
  fence = new FenceWord(),
  lossAccepted = false,
): Promise<TakeOver> {
  const { mayHold, rules } = secondary
  const taking = new Taking(me, lossAccepted)
  const isKept = secondary.standby?.isFilled === true
  let event: TakingEvent = { on: 'begin', nowMs: parts.clock.nowMs(), heardAtMs: rules.lastHeardMs, mayHold, isKept }
  for (;;) {
    taking.apply({ on: 'fenced', isFenced: fence.stands(parts.clock.nowMs()) })
    const effects = taking.apply(event)
    secondary.mayHold = taking.mayHold
    for (const effect of effects) {
      if (effect.do === 'seal') secondary.seal()
      else if (effect.do === 'unseal') secondary.unseal()
      else if (effect.do === 'taken') {
        const { rule, stored, leaseFromMs, claimed } = effect
        return { taken: true, rule, stored, leaseFromMs, claimed }
      } else if (effect.do === 'given-up')
        return taking.mayHold ? { taken: false, why: effect.why, mayHold: true } : { taken: false, why: effect.why }
      else event = await answerTo(effect, secondary, parts, fence)
    }
  }
}

async function answerTo(
  asked: Asked,
  secondary: Secondary,
  { clock, timers, witness }: WorkerParts,
  fence: FenceWord,
): Promise<TakingEvent> {
  switch (asked.do) {
    case 'listen':
      await timers.pause(asked.ms)
      return { on: 'listened', nowMs: clock.nowMs(), heardAtMs: secondary.rules.lastHeardMs }
    case 'wait':
      if (asked.ms > 0) await Promise.race([timers.pause(asked.ms), fence.news()])
      return { on: 'tick', nowMs: clock.nowMs() }
    case 'read': {
      const stored = await unlessUnreachable(witness.read(secondary.claim.claim.vm))
      if (stored === undefined) return { on: 'no-answer' }
      await within(timers, LOOK_LIMIT_MS, secondary.look())
      const { isFit, rules } = secondary
      const memory = secondary.standby?.outlook(stored?.claim.lockstep?.run ?? null) ?? null
      return { on: 'read', nowMs: clock.nowMs(), stored, promisedAtMs: rules.lastPromiseMs, isFit, memory }
    }
    case 'swap': {
      const { expected, next, requireLeaseOver, with: run } = asked
      const askedAtMs = clock.nowMs()
      const answer = await unlessUnreachable(witness.compareAndSwap(expected, next, { requireLeaseOver, with: run }))
      if (answer === undefined) return { on: 'no-answer' }
      if (answer.stored) return { on: 'swapped', revision: answer.revision, askedAtMs }
      return answer.why === 'lease' ? { on: 'lease-runs', leftMs: answer.leaseLeftMs } : { on: 'swap-refused' }
    }
  }
}

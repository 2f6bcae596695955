/**
 * How a secondary takes the claim of a holder whose host is suspected, from the first look to the stored swap or to giving up.
 *
 *     begin ──> listen ──> seal ──> read ──> swap ──> taken
 *                            wait <──┘└──> given up, unsealed
 *
 * Sealed first: from then on the old primary gets nothing acknowledged, and the promises to it run out. A primary that is still heard on
 * the replication link is left alone: losing its daemon must cost nothing. A swap whose answer was lost may have been stored: until
 * somebody has read the claim since, this host may hold it, and `mayHold` says so.
 *
 * Must never: swap before the last promise to the holder has run out, or leave the secondary sealed without the claim.
 */
import { assert, must } from '../domain/assert'
import { type Claim, type StoredClaim, takenBy, takenInSpiteOfLoss } from '../domain/claim'
import type { Outlook } from '../domain/guest-memory'
import type { HostUuid } from '../domain/ids'
import { leaseOverAfterMs } from '../domain/lease'
import { ASK_AGAIN_MS, type TakeoverFacts, takeoverVerdict, type TakeoverVerdict } from './takeover'

/** Longer than two leases of the default length: a holder that still renews after this is alive, whatever the heartbeats say. */
export const GIVE_UP_AFTER_MS = 6000
/** Of longer leases: the last promise and the witness's own lease run out, one after the other at worst, and some questions get lost. */
const giveUpAfterMs = (leaseMs: number): number => Math.max(GIVE_UP_AFTER_MS, 2 * leaseOverAfterMs(leaseMs) + 2000)
/** A primary pings every 200 ms: its worker lives, and only its daemon is silent. */
export const HEARD_WITHIN_MS = 500
/** Where the memory of the guest waits its epochs come as well, several in that time, and a take-over that was not needed loses nothing. */
export const HEARD_WITHIN_LOCKSTEP_MS = 250

/** A timer may end a part of a millisecond before its time. */
const EARLY_MS = 1
/** What has come already is read in that time; so often even a primary of long silence is listened for. */
const LISTEN_AT_LEAST_MS = 5
/** So late comes a listener that stood still itself, and what it was sent meanwhile still waits to be read; */
const LISTENER_LATE_MS = 50
/** or is sent when the other host goes on, where both stood still. */
const LISTEN_AGAIN_MS = 100
/** A host that is always late must take over, too. */
const LISTEN_AGAIN_MAX = 3

/** Times are of one monotonic clock, this host's. */
export type TakingEvent =
  /** `heardAtMs`: the last frame of the primary. `mayHold`: an earlier try ended without anybody knowing. `isKept`: the guest's memory is here. */
  | {
      readonly on: 'begin'
      readonly nowMs: number
      readonly heardAtMs: number
      readonly mayHold: boolean
      readonly isKept: boolean
    }
  | { readonly on: 'listened'; readonly nowMs: number; readonly heardAtMs: number }
  /** What was asked to be read. `promisedAtMs`: the last promise to the holder; `isFit`: the guest may be started from the replicas here; `memory`: see TakeoverFacts. */
  | {
      readonly on: 'read'
      readonly nowMs: number
      readonly stored: StoredClaim | null
      readonly promisedAtMs: number
      readonly isFit: boolean
      readonly memory: Outlook | null
    }
  /** The swap is stored. `askedAtMs`: when it was sent. */
  | { readonly on: 'swapped'; readonly revision: number; readonly askedAtMs: number }
  /** The swap is refused because the holder's lease runs; */
  | { readonly on: 'lease-runs'; readonly leftMs: number }
  /** or because the claim is another one by now, or there is no room for it. */
  | { readonly on: 'swap-refused' }
  /** To a read or a swap. */
  | { readonly on: 'no-answer' }
  /** What was waited for is over. */
  | { readonly on: 'tick'; readonly nowMs: number }
  /** Whether it is proven that the holder's machine cannot act any more; may come at any time, and be taken back. */
  | { readonly on: 'fenced'; readonly isFenced: boolean }

export type TakingEffect =
  | { readonly do: 'seal' }
  | { readonly do: 'unseal' }
  /** Each of these four is answered by one event before the next is asked. */
  | { readonly do: 'listen'; readonly ms: number }
  | { readonly do: 'read' }
  | {
      readonly do: 'swap'
      readonly expected: number
      readonly next: Claim
      readonly requireLeaseOver: boolean
      readonly with?: number | undefined
    }
  | { readonly do: 'wait'; readonly ms: number }
  /** The end. `leaseFromMs`: see Holder. `claimed`: the run that the claim named when it was read last as another's; null: none. */
  | {
      readonly do: 'taken'
      readonly rule: TakenRule
      readonly stored: StoredClaim
      readonly leaseFromMs: number | null
      readonly claimed: number | null
    }
  | { readonly do: 'given-up'; readonly why: string }

/** `held-already`: the swap of an earlier try was stored, or the old holder has handed the claim over. */
export type TakenRule = Extract<TakeoverVerdict, { verdict: 'take' }>['rule'] | 'held-already'

export class Taking {
  #asking: 'nothing' | 'listen' | 'whose' | 'read' | 'swap' | 'wait' | 'over' = 'nothing'
  #begunMs = 0
  #withinMs = HEARD_WITHIN_MS
  #listenUntilMs = 0
  #listenedAgain = 0
  #untilMs = 0
  #why = 'gave-up'
  #lease: TakeoverFacts['lease'] = { kind: 'unasked' }
  #mayHold = false
  #isFenced = false
  #claimed: number | null = null
  #swap: { readonly next: Claim; readonly rule: TakenRule } | null = null

  /** `lossAccepted`: see TakeoverFacts. */
  constructor(
    private readonly me: HostUuid,
    private readonly lossAccepted = false,
  ) {}

  /** A swap of ours was asked for, and nobody has said since whose the claim is; or it was read to be ours. */
  get mayHold(): boolean {
    return this.#mayHold
  }

  apply(event: TakingEvent): readonly TakingEffect[] {
    switch (event.on) {
      case 'fenced':
        this.#isFenced = event.isFenced
        return []
      case 'begin':
        assert(this.#asking === 'nothing', 'begun once')
        this.#mayHold = event.mayHold
        this.#begunMs = event.nowMs
        this.#untilMs = event.nowMs + GIVE_UP_AFTER_MS
        return this.#listen(event)
      case 'listened':
        assert(this.#asking === 'listen', 'it was to be listened for')
        // Whatever was said of its machine: a primary that is heard runs.
        if (this.#withinMs - EARLY_MS <= event.nowMs - event.heardAtMs) return this.#unheard(event.nowMs)
        return this.#mayHold ? this.#read('whose') : this.#over([], { do: 'given-up', why: 'holder-alive' })
      case 'tick':
        assert(this.#asking === 'wait', 'a tick ends a wait')
        return event.nowMs < this.#untilMs ? this.#read('read') : this.#giveUp(this.#why)
      case 'read':
        return this.#asking === 'whose' ? this.#toldWhose(event.stored) : this.#judge(event)
      case 'no-answer':
        return this.#unanswered()
      case 'swapped': {
        const { next, rule } = must(this.#swap, 'a swap was asked for')
        const stored = { revision: event.revision, claim: next }
        return this.#over([], { do: 'taken', rule, stored, leaseFromMs: event.askedAtMs, claimed: this.#claimed })
      }
      case 'lease-runs':
        this.#lease = { kind: 'left', leftMs: event.leftMs }
        return this.#wait('lease-current', 0)
      case 'swap-refused':
        return this.#wait('swap-refused', ASK_AGAIN_MS)
    }
  }

  #listen({ nowMs, heardAtMs, isKept }: Extract<TakingEvent, { on: 'begin' }>): readonly TakingEffect[] {
    this.#withinMs = isKept ? HEARD_WITHIN_LOCKSTEP_MS : HEARD_WITHIN_MS
    return this.#listenFor(Math.max(heardAtMs + this.#withinMs - nowMs, LISTEN_AT_LEAST_MS), nowMs)
  }

  #listenFor(ms: number, nowMs: number): readonly TakingEffect[] {
    this.#asking = 'listen'
    this.#listenUntilMs = nowMs + ms
    return [{ do: 'listen', ms }]
  }

  #unheard(nowMs: number): readonly TakingEffect[] {
    const isLate = nowMs > this.#listenUntilMs + LISTENER_LATE_MS
    if (!isLate || this.#listenedAgain === LISTEN_AGAIN_MAX) return this.#seal()
    this.#listenedAgain++
    return this.#listenFor(LISTEN_AGAIN_MS, nowMs)
  }

  #seal(): readonly TakingEffect[] {
    return [{ do: 'seal' }, ...this.#read('read')]
  }

  #read(asking: 'whose' | 'read'): readonly TakingEffect[] {
    this.#asking = asking
    return [{ do: 'read' }]
  }

  #wait(why: string, ms: number): readonly TakingEffect[] {
    this.#why = why
    this.#asking = 'wait'
    return [{ do: 'wait', ms }]
  }

  /** The primary is heard; only a claim that is this host's already is worth going on for. */
  #toldWhose(stored: StoredClaim | null): readonly TakingEffect[] {
    this.#mayHold = stored?.claim.holder === this.me
    return this.#mayHold ? this.#seal() : this.#over([], { do: 'given-up', why: 'holder-alive' })
  }

  #judge({ nowMs, stored, promisedAtMs, isFit, memory }: Extract<TakingEvent, { on: 'read' }>): readonly TakingEffect[] {
    assert(this.#asking === 'read', 'an answer was asked for')
    const { me } = this
    if (stored !== null) this.#untilMs = this.#begunMs + giveUpAfterMs(stored.claim.leaseMs)
    const leftMs = Math.max(0, this.#untilMs - nowMs)
    const promiseLeftMs = Math.max(0, promisedAtMs + leaseOverAfterMs(stored?.claim.leaseMs ?? 0) - nowMs)
    this.#mayHold = stored?.claim.holder === me
    // Promises bind all the same: until they are over, the old holder may still answer on the strength of them.
    if (stored?.claim.holder === me) {
      if (promiseLeftMs > 0 && !this.#isFenced) return this.#wait('promise-current', Math.min(promiseLeftMs, leftMs))
      return this.#over([], { do: 'taken', rule: 'held-already', stored, leaseFromMs: null, claimed: this.#claimed })
    }
    this.#claimed = stored?.claim.lockstep?.run ?? null
    const verdict = takeoverVerdict({
      ...{ me, claim: stored?.claim ?? null, lease: this.#lease, promiseLeftMs, memory },
      ...{ holderSuspected: true, holderFenced: this.#isFenced, lossAccepted: this.lossAccepted },
    })
    if (verdict.verdict === 'no') return this.#giveUp(verdict.rule)
    // The claim lists this host, and a replica here is not what it takes it for: the other host's is not thrown out for it.
    if (!isFit) return this.#giveUp('replica-failed')
    this.#lease = { kind: 'unasked' }
    if (verdict.verdict === 'wait') return this.#wait(verdict.rule, Math.min(verdict.waitMs, leftMs))
    const { revision, claim } = must(stored, 'what is taken is there')
    const next = verdict.rule === 'loss-accepted' ? takenInSpiteOfLoss(claim, me) : takenBy(claim, me)
    this.#swap = { next, rule: verdict.rule }
    this.#asking = 'swap'
    return [{ do: 'swap', expected: revision, next, requireLeaseOver: verdict.requireLeaseOver, with: verdict.with }]
  }

  #unanswered(): readonly TakingEffect[] {
    if (this.#asking === 'whose') return this.#over([], { do: 'given-up', why: 'witness-silent' })
    if (this.#asking === 'read') return this.#wait('witness-silent', ASK_AGAIN_MS)
    assert(this.#asking === 'swap', 'an answer was asked for')
    this.#mayHold = true
    this.#lease = { kind: 'silent' }
    return this.#wait('witness-silent', 0)
  }

  #giveUp(why: string): readonly TakingEffect[] {
    return this.#over([{ do: 'unseal' }], { do: 'given-up', why })
  }

  #over(before: readonly TakingEffect[], end: TakingEffect): readonly TakingEffect[] {
    this.#asking = 'over'
    return [...before, end]
  }
}

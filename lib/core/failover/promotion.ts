import { unreachable } from '../domain/assert'
import type { HostUuid } from '../domain/ids'
import type { Evidence, PromotionEffect } from './effects'

/**
 * Who is the pool's coordinator, and when this host makes itself it.
 *
 *     served ──it is suspected──▶ unsure ──silent, and proof──▶ electing ──won──▶ promoting ──▶ awaiting ──▶ served
 *        ▲                          │                              └──lost──▶ awaiting
 *        └── it answers, or is back ┘
 *
 * Promotes only with proof that the former coordinator can no longer act (a claim of one of its VMs was taken, so its lease is
 * over), only while no coordinator answers, and only as the one host that won the election. XAPI itself has no arbitration:
 * two coordinators would each go on with a database of their own.
 */
export type PromotionEvent =
  | { readonly type: 'host-suspected'; readonly host: HostUuid }
  | { readonly type: 'host-back'; readonly host: HostUuid }
  /** A claim held on the host was taken by this one. */
  | { readonly type: 'proof'; readonly host: HostUuid; readonly evidence: Evidence }
  | { readonly type: 'coordinator-is'; readonly host: HostUuid }
  /** What XAPI shows of it has changed; nobody was asked. */
  | { readonly type: 'coordinator-shown'; readonly host: HostUuid }
  | { readonly type: 'coordinator-silent' }
  | { readonly type: 'election-won' }
  | { readonly type: 'election-lost'; readonly winner: HostUuid }
  | { readonly type: 'election-unanswered' }
  | { readonly type: 'promote-answered' }
  | { readonly type: 'promote-failed'; readonly code: string }
  /** Nothing is known: it may have been heard. */
  | { readonly type: 'promote-silent' }
  | { readonly type: 'tick' }

export type PromotionPhase = 'served' | 'unsure' | 'electing' | 'promoting' | 'awaiting' | 'refused'

const ASK_EVERY_MS = 500
/**
 * xapi answers as coordinator 12 s after it was told to (10 s of which it pretends that nothing happened); much later it has not
 * understood, and is told again: telling a coordinator to become one does nothing.
 */
const PROMOTION_LATEST_MS = 40_000
/** After a failure, e.g. while xapi starts. */
const PROMOTE_AGAIN_MS = 2000

export class Promotion {
  phase: PromotionPhase = 'served'
  private readonly suspected = new Set<HostUuid>()
  private readonly proofs = new Map<HostUuid, Evidence>()
  private silent = false
  private asking = false
  private askAtMs = 0
  private giveUpAtMs = 0
  private winner: HostUuid | null = null
  private doubtedAtMs = 0

  constructor(
    private readonly here: HostUuid,
    public coordinator: HostUuid,
  ) {}

  /** XAPI can be asked to do something. */
  get usable(): boolean {
    return this.phase === 'served'
  }

  apply(event: PromotionEvent, atMs: number): PromotionEffect[] {
    switch (event.type) {
      case 'host-suspected':
        this.suspected.add(event.host)
        return this.phase === 'served' && event.host === this.coordinator ? this.doubt(atMs) : []
      case 'host-back':
        this.suspected.delete(event.host)
        this.proofs.delete(event.host)
        if (event.host !== this.coordinator || (this.phase !== 'unsure' && this.phase !== 'electing')) return []
        return this.serve(this.coordinator, 'coordinator-came-back', {})
      case 'proof':
        if (!this.proofs.has(event.host)) this.proofs.set(event.host, event.evidence)
        return this.electIfDue()
      case 'coordinator-is':
        this.asking = false
        return this.seen(event.host, atMs)
      case 'coordinator-shown':
        if (this.phase === 'served') this.coordinator = event.host
        return []
      case 'coordinator-silent':
        this.asking = false
        if (this.phase === 'served') return this.suspected.has(this.coordinator) ? this.doubt(atMs) : []
        this.silent = true
        return this.electIfDue()
      case 'election-won':
        return this.phase === 'electing' ? this.promote(atMs) : []
      case 'election-lost':
        return this.phase === 'electing' ? this.yield(event.winner, atMs) : []
      case 'election-unanswered':
        if (this.phase === 'electing') this.phase = 'unsure'
        return []
      case 'promote-answered':
      case 'promote-silent':
        if (this.phase === 'promoting') this.phase = 'awaiting'
        return []
      case 'promote-failed':
        return this.phase === 'promoting' ? this.promoteFailed(event.code, atMs) : []
      case 'tick':
        return this.tick(atMs)
      default:
        return unreachable(event, 'Promotion')
    }
  }

  private doubt(atMs: number): PromotionEffect[] {
    this.phase = 'unsure'
    this.silent = false
    this.winner = null
    this.doubtedAtMs = atMs
    return this.ask(atMs)
  }

  private ask(atMs: number): PromotionEffect[] {
    this.asking = true
    this.askAtMs = atMs + ASK_EVERY_MS
    return [{ effect: 'ask-coordinator' }]
  }

  private electIfDue(): PromotionEffect[] {
    if (this.phase !== 'unsure' || !this.silent || !this.proofs.has(this.coordinator)) return []
    this.phase = 'electing'
    return [{ effect: 'elect-coordinator', instead: this.coordinator }]
  }

  private promote(atMs: number): PromotionEffect[] {
    this.phase = 'promoting'
    this.winner = this.here
    this.giveUpAtMs = atMs + PROMOTION_LATEST_MS
    const text = 'this host becomes the coordinator: the former one can no longer act, does not answer, and the election is won'
    return [
      this.record('coordinator-promoted', 'proof-silence-election', text, {
        former: this.coordinator,
        ...this.proofs.get(this.coordinator),
      }),
      { effect: 'promote-coordinator' },
    ]
  }

  private yield(winner: HostUuid, atMs: number): PromotionEffect[] {
    this.phase = 'awaiting'
    this.winner = winner
    this.giveUpAtMs = atMs + PROMOTION_LATEST_MS
    return [this.record('coordinator-awaited', 'election-lost', 'another host becomes the coordinator', { winner })]
  }

  private seen(host: HostUuid, atMs: number): PromotionEffect[] {
    if (this.phase === 'served') {
      this.coordinator = host
      return []
    }
    const former = host === this.coordinator
    if (this.phase === 'unsure') {
      const rule = former ? 'coordinator-answers' : 'other-coordinator-answers'
      return this.serve(host, rule, {})
    }
    // A returning coordinator answers for some seconds before it finds its successor; its database is the old one.
    if (this.phase === 'refused' ? former : host !== this.winner) return []
    const sinceSuspectedMs = atMs - this.doubtedAtMs
    const effects = this.serve(host, 'new-coordinator-answers', { coordinator: host, sinceSuspectedMs })
    return host === this.here ? [...effects, { effect: 'recover-slaves' }] : effects
  }

  private serve(host: HostUuid, rule: string, evidence: Evidence): PromotionEffect[] {
    this.phase = 'served'
    this.coordinator = host
    return [this.record('coordinator-serves', rule, 'XAPI has a coordinator that answers', evidence)]
  }

  private promoteFailed(code: string, atMs: number): PromotionEffect[] {
    if (code !== 'HA_IS_ENABLED') {
      this.phase = 'awaiting'
      this.giveUpAtMs = atMs + PROMOTE_AGAIN_MS
      return []
    }
    this.phase = 'refused'
    const text = `XAPI refuses to make this host the coordinator (${code}); promote a host by hand`
    return [
      this.record('promotion-refused', 'xapi-refused', text, { code }),
      { effect: 'alert', name: 'HOLDFAST_NO_COORDINATOR', priority: 2, vm: null, text },
    ]
  }

  private tick(atMs: number): PromotionEffect[] {
    if (this.phase === 'served') return []
    const late = this.phase === 'awaiting' && atMs >= this.giveUpAtMs
    if (late && this.winner === this.here) return this.promote(atMs)
    if (late) return this.doubt(atMs)
    return this.asking || atMs < this.askAtMs || this.phase === 'promoting' ? [] : this.ask(atMs)
  }

  private record(act: string, rule: string, text: string, evidence: Evidence): PromotionEffect {
    return { effect: 'record', entry: { vm: null, act, rule, text, evidence } }
  }
}

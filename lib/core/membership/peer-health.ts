import { HEARTBEAT_EVERY_MS, linkBit, type SenderHealth, SUSPECT_AFTER_MS } from '../domain/heartbeat'
import type { HostUuid } from '../domain/ids'
import type { HostFinding, HostVerdict } from '../domain/host-finding'
import { LinkHealth } from './link-health'

export interface HealthArrival {
  readonly link: string
  readonly incarnation: number
  readonly counter: number
  readonly sender: SenderHealth | null
  readonly atMs: number
}

/** A sender whose timers are so late misses every other heartbeat: what else it does is late, too. */
export const SLOW_LAG_MS = 200
/** One direction only is a finding when it lasts: at the start of either side it is so for a moment. */
export const ONE_WAY_AFTER_MS = 1000
/** A host that was away has to earn its trust again. */
export const EARN_MS = 30_000
/** What somebody said of a peer is worth so long; it is said once a second. */
const HEARSAY_MS = 3000
const WITNESSES_MAX = 64

interface Link {
  readonly health: LinkHealth
  /** Of the newest heartbeat of this incarnation. */
  counter: number
  heardAtMs: number | null
  /** Since when it is so without a break; null: it is not. */
  hearsUsNotSinceMs: number | null
  notHeardSinceMs: number | null
}

/** How one peer is, by its own words, by how they come, and by what others say of it. */
export class PeerHealth {
  readonly #links = new Map<string, Link>()
  readonly #hearsay = new Map<string, { readonly heard: boolean; readonly atMs: number }>()
  #last: { incarnation: number; counter: number; clockMs: number | null; atMs: number } | null = null
  #sender: SenderHealth | null = null
  #suspected = false
  /** Heard again since; that it is suspected no more is for the watch to say. */
  #back = false
  #leaseOver = false
  #returned: { finding: HostFinding; atMs: number } | null = null

  constructor(private readonly self: HostUuid) {}

  listenOn(links: readonly string[]): void {
    for (const link of this.#links.keys()) if (!links.includes(link)) this.#links.delete(link)
    for (const link of links) {
      if (!this.#links.has(link))
        this.#links.set(link, {
          health: new LinkHealth(),
          counter: -1,
          heardAtMs: null,
          hearsUsNotSinceMs: null,
          notHeardSinceMs: null,
        })
    }
  }

  /** `sure`: our own process was on time to see it. */
  received({ link: name, incarnation, counter, sender, atMs }: HealthArrival, sure: boolean): void {
    const [link, last] = [this.#links.get(name), this.#last]
    if (link === undefined || (last !== null && incarnation < last.incarnation)) return
    if (last !== null && incarnation !== last.incarnation) this.#forgetLinks()
    if (counter <= link.counter) return
    if (last !== null && this.#suspected && !this.#back) {
      this.#back = true
      this.#returned = { finding: returnOf(last, { incarnation, counter, sender, atMs }), atMs }
    }
    if (link.heardAtMs === null || atMs - link.heardAtMs > SUSPECT_AFTER_MS || !sure) link.health.forget()
    Object.assign(link, { counter, heardAtMs: atMs })
    link.health.received(counter, atMs, sure ? (sender?.clockMs ?? null) : null)
    // A slower link brings what another one has brought already.
    if (last !== null && last.incarnation === incarnation && counter < last.counter) return
    this.#last = { incarnation, counter, clockMs: sender?.clockMs ?? null, atMs }
    this.#sender = sender
    // Whoever takes turns in naming hosts may have left us out of this one.
    const us = sender?.hears.find(({ host }) => host === this.self)
    if (us !== undefined) this.#oneWay(us.links, atMs)
  }

  suspected(): void {
    this.#suspected = true
    this.#back = false
  }

  alive(): void {
    this.#suspected = this.#leaseOver = false
  }

  /** `by`: a host or a witness. */
  said(by: string, heard: boolean, atMs: number): void {
    if (this.#hearsay.has(by) || this.#hearsay.size < WITNESSES_MAX) this.#hearsay.set(by, { heard, atMs })
  }

  leaseOver(): void {
    this.#leaseOver = true
  }

  verdict(nowMs: number): { readonly verdict: HostVerdict; readonly findings: readonly HostFinding[] } {
    if (this.#suspected) return { verdict: 'suspected', findings: [this.#absence(nowMs)] }
    if (this.#last === null) return { verdict: 'unknown', findings: [] }
    const findings = [...this.#linkFindings(nowMs), ...this.#ownFindings(nowMs)]
    return { verdict: findings.length === 0 ? 'good' : 'grey', findings }
  }

  *#linkFindings(nowMs: number): Generator<HostFinding> {
    for (const [link, { health, heardAtMs, hearsUsNotSinceMs, notHeardSinceMs }] of this.#links) {
      const heard = heardAtMs !== null && nowMs - heardAtMs <= SUSPECT_AFTER_MS
      if (heard && health.isLossy) yield { kind: 'lossy', link, lost: health.lost }
      if (heard && health.isLate) yield { kind: 'late', link, late: health.late }
      if (heard && lasts(hearsUsNotSinceMs, nowMs)) yield { kind: 'hears-us-not', link }
      if (!heard && lasts(notHeardSinceMs, nowMs)) yield { kind: 'not-heard', link }
    }
  }

  *#ownFindings(nowMs: number): Generator<HostFinding> {
    const { worstLagMs = 0 } = this.#sender ?? {}
    if (worstLagMs > SLOW_LAG_MS) yield { kind: 'slow', worstLagMs }
    if (this.#returned !== null && nowMs - this.#returned.atMs < EARN_MS) yield this.#returned.finding
  }

  #absence(nowMs: number): HostFinding {
    const fresh = [...this.#hearsay].filter(([, { atMs }]) => nowMs - atMs <= HEARSAY_MS)
    const heardBy = fresh.flatMap(([by, { heard }]) => (heard ? [by] : []))
    const askedOf = fresh.map(([by]) => by)
    if (heardBy.length > 0) return { kind: 'cut-off-from-here', heardBy }
    if (this.#leaseOver) return { kind: 'dead-or-stopped', askedOf }
    return fresh.length === 0 ? { kind: 'silent-here' } : { kind: 'silent-everywhere', askedOf }
  }

  /** `hearsUsOn`: as the peer says. */
  #oneWay(hearsUsOn: number, nowMs: number): void {
    for (const [name, link] of this.#links) {
      const bit = linkBit(name)
      const heard = link.heardAtMs !== null && nowMs - link.heardAtMs <= SUSPECT_AFTER_MS
      // Bits are numbers of 32 bits without a sign; the operators of the language would make them signed.
      const hearsUs = bit !== 0 && Math.floor(hearsUsOn / bit) % 2 === 1
      link.hearsUsNotSinceMs = bit !== 0 && heard && !hearsUs ? (link.hearsUsNotSinceMs ?? nowMs) : null
      link.notHeardSinceMs = hearsUs && !heard ? (link.notHeardSinceMs ?? nowMs) : null
    }
  }

  #forgetLinks(): void {
    for (const link of this.#links.values()) {
      link.health.forget()
      link.counter = -1
    }
  }
}

const lasts = (sinceMs: number | null, nowMs: number): boolean => sinceMs !== null && nowMs - sinceMs >= ONE_WAY_AFTER_MS

type Moment = { readonly incarnation: number; readonly counter: number; readonly atMs: number }

/** Whoever sent on all the while has counted on; whoever stood still has not. Half tells them apart, however lossy the link. */
function returnOf(last: Moment & { clockMs: number | null }, first: Moment & { sender: SenderHealth | null }): HostFinding {
  const silentMs = Math.round(first.atMs - last.atMs)
  if (first.incarnation !== last.incarnation) return { kind: 'was-restarted', silentMs }
  if ((first.counter - last.counter) * HEARTBEAT_EVERY_MS >= silentMs / 2) return { kind: 'was-cut-off', silentMs }
  const [from, to] = [last.clockMs, first.sender?.clockMs ?? null]
  return { kind: 'was-stopped', silentMs, machine: from !== null && to !== null && to - from < silentMs / 2 }
}

import type { HostRole } from '../domain/heartbeat'
import type { HostUuid } from '../domain/ids'
import { Regularity } from './regularity'
import type { HeartbeatEffect, HeartbeatEvent, PeerReport } from './heartbeat'

export interface LinkSilence {
  readonly link: string
  /** Since the last heartbeat or, when none ever came, since we listen; own pauses not counted. */
  readonly silentMs: number
  readonly everHeard: boolean
}

interface Link {
  sinceMs: number
  counter: number
  state: 'unknown' | 'heard' | 'silent'
  everHeard: boolean
}

type Arrival = Extract<HeartbeatEvent, { type: 'received' }>

/**
 * One peer on all its links:
 *
 *     unknown ──heard──> alive <──heard── suspected
 *        └──silent──> suspected <──silent on every link── alive
 */
export class PeerWatch {
  private readonly links = new Map<string, Link>()
  private state: PeerReport['state'] = 'unknown'
  private incarnation: number | null = null
  private role: HostRole | null = null
  private readonly regularity: Regularity
  /** A guest of it waits here to go on, which no write and no output of its own can harm: it is suspected sooner. */
  isAwaited = false

  constructor(
    private readonly host: HostUuid,
    private readonly suspectAfterMs: number,
  ) {
    this.regularity = new Regularity(suspectAfterMs)
  }

  listenOn(links: readonly string[], nowMs: number): void {
    for (const link of this.links.keys()) if (!links.includes(link)) this.links.delete(link)
    for (const link of links) {
      if (!this.links.has(link)) this.links.set(link, { sinceMs: nowMs, counter: -1, state: 'unknown', everHeard: false })
    }
  }

  forgive(gapMs: number): void {
    for (const link of this.links.values()) link.sinceMs += gapMs
    this.regularity.forgive(gapMs)
  }

  /** Old and repeated heartbeats are no sign of life: a switch may deliver them late, an attacker again. */
  received({ link: name, incarnation, counter, role }: Arrival, nowMs: number): HeartbeatEffect[] {
    const link = this.links.get(name)
    if (link === undefined || (this.incarnation !== null && incarnation < this.incarnation)) return []
    const effects: HeartbeatEffect[] = []
    if (incarnation !== this.incarnation) {
      if (this.incarnation !== null) effects.push({ type: 'peer-restarted', peer: this.host, incarnation })
      this.incarnation = incarnation
      for (const each of this.links.values()) each.counter = -1
    }
    if (counter <= link.counter) return effects
    link.counter = counter
    link.sinceMs = nowMs
    this.regularity.heard(nowMs)
    link.everHeard = true
    if (link.state !== 'heard') effects.push({ type: 'link-heard', peer: this.host, link: name })
    link.state = 'heard'
    if (this.state !== 'alive') effects.push({ type: 'peer-alive', peer: this.host, link: name })
    this.state = 'alive'
    return [...effects, ...this.roleChange(role)]
  }

  tick(nowMs: number): HeartbeatEffect[] {
    const effects: HeartbeatEffect[] = []
    for (const [name, link] of this.links) {
      const silentMs = nowMs - link.sinceMs
      if (link.state === 'silent' || silentMs <= this.suspectAfterMs) continue
      link.state = 'silent'
      effects.push({ type: 'link-silent', peer: this.host, link: name, silentMs })
    }
    if (this.state === 'suspected' || !this.isSilent(nowMs)) return effects
    this.state = 'suspected'
    const rule = this.incarnation === null ? 'never-heard' : 'silent-on-every-link'
    return [...effects, { type: 'peer-suspected', peer: this.host, rule, evidence: this.silences(nowMs) }]
  }

  report(nowMs: number): PeerReport {
    return { host: this.host, state: this.state, role: this.role, links: this.silences(nowMs) }
  }

  /** A peer on no link at all is not listened for, which is no evidence. */
  private isSilent(nowMs: number): boolean {
    const patienceMs = this.isAwaited ? this.regularity.patienceMs(nowMs) : this.suspectAfterMs
    return this.links.size > 0 && [...this.links.values()].every(({ sinceMs }) => nowMs - sinceMs > patienceMs)
  }

  private silences(nowMs: number): LinkSilence[] {
    return [...this.links].map(([link, { sinceMs, everHeard }]) => ({ link, silentMs: nowMs - sinceMs, everHeard }))
  }

  private roleChange(role: HostRole): HeartbeatEffect[] {
    if (this.role?.coordinator === role.coordinator && this.role.xapiUp === role.xapiUp) return []
    this.role = role
    return [{ type: 'peer-role', peer: this.host, role }]
  }
}

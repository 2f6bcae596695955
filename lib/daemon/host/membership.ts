import type { Evidence } from '../../core/failover/effects'
import type { HostRole } from '../../core/domain/heartbeat'
import type { HostUuid } from '../../core/domain/ids'
import { findingEvidence, findingWords } from '../../core/membership/finding-words'
import { HeartbeatWatch, type HeartbeatEffect, type HeartbeatEvent, type PeerReport } from '../../core/membership/heartbeat'
import type { HostVerdict } from '../../core/domain/host-finding'
import { HostHealth, type HostHealthEvent, type HostHealthReport } from '../../core/membership/host-health'
import { hostNameOf } from './names'
import type { HostParts } from './parts'

/** What follows when a host falls silent on every link, or is heard again. */
export interface MembershipNews {
  suspected(host: HostUuid, evidence: Readonly<Record<string, number>>): void
  heard(host: HostUuid): void
}

const TICK_MS = 50

/** Who of the pool is there, and how each of them is: heartbeats in, suspicions and findings out. */
export class Membership {
  readonly #watch: HeartbeatWatch
  readonly #health: HostHealth

  constructor(
    private readonly parts: HostParts,
    private readonly news: MembershipNews,
  ) {
    this.#watch = new HeartbeatWatch(parts.config.suspectAfterMs)
    this.#health = new HostHealth(parts.host)
  }

  /** Every other host that the configuration names. */
  get others(): readonly HostUuid[] {
    return (Object.keys(this.parts.config.hosts) as HostUuid[]).filter((host) => host !== this.parts.host)
  }

  /** Sends and hears until close(). */
  start(role: () => HostRole): { close(): void } {
    const { parts } = this
    const peers = this.others.map((host) => ({ host, links: this.#linksOf(host) }))
    this.#feel({ on: 'peers', peers, atMs: parts.clock.nowMs() })
    this.#hear({ type: 'peers', peers, atMs: parts.clock.nowMs() })
    const heartbeats = parts.heartbeats(role, ({ sender, ...heard }) => {
      const atMs = parts.clock.nowMs()
      const { peer, link, incarnation, counter } = heard
      // Before the watch: what a host did while it was silent shows in the first heartbeat that ends the suspicion.
      this.#feel({ on: 'received', peer, link, incarnation, counter, sender, atMs })
      this.#hear({ type: 'received', ...heard, atMs })
    })
    const timer = parts.timers.every(TICK_MS, () => {
      const atMs = parts.clock.nowMs()
      this.#feel({ on: 'tick', atMs })
      this.#hear({ type: 'tick', atMs })
    })
    return {
      close: () => {
        timer.stop()
        heartbeats.close()
      },
    }
  }

  report(): readonly PeerReport[] {
    return this.#watch.report()
  }

  health(): readonly HostHealthReport[] {
    return this.#health.report()
  }

  /** This host is good to itself. */
  verdict(host: HostUuid): HostVerdict {
    if (host === this.parts.host) return 'good'
    return this.health().find((each) => each.host === host)?.verdict ?? 'unknown'
  }

  isAlive(host: HostUuid): boolean {
    return this.report().some((peer) => peer.host === host && peer.state === 'alive')
  }

  /** All that are not known to be alive. */
  get absent(): ReadonlySet<HostUuid> {
    return new Set(this.report().flatMap(({ host, state }) => (state === 'alive' ? [] : [host])))
  }

  get grey(): ReadonlySet<HostUuid> {
    return new Set(this.health().flatMap(({ host, verdict }) => (verdict === 'grey' ? [host] : [])))
  }

  /** Guests of these hosts are kept in lockstep here. */
  awaits(hosts: ReadonlySet<HostUuid>): void {
    this.#hear({ type: 'awaited', hosts, atMs: this.parts.clock.nowMs() })
  }

  /** What others hear of a silent host, as they were asked. */
  said(host: HostUuid, by: HostUuid, heard: boolean): void {
    this.#feel({ on: 'said', peer: host, by, heard, atMs: this.parts.clock.nowMs() })
  }

  /** The witness's word: nothing that the silent host held is its own any more. */
  leasesOver(host: HostUuid): void {
    this.#feel({ on: 'leases-over', peer: host, atMs: this.parts.clock.nowMs() })
  }

  #linksOf(host: HostUuid): string[] {
    return ['management', ...(this.parts.config.hosts[host]?.alinks ?? []).map((_, n) => `alink${n}`)]
  }

  #feel(event: HostHealthEvent): void {
    for (const { before, ...report } of this.#health.apply(event)) this.#foundOut(report, before)
  }

  #foundOut({ host, verdict, findings }: HostHealthReport, before: HostVerdict): void {
    const name = (of: string): string => hostNameOf(this.parts, of as HostUuid)
    const kinds = [...new Set(findings.map(({ kind }) => kind))].join(' ')
    const text = `${name(host)} ${findings.map((finding) => findingWords(finding, name)).join('; it ')}.`
    const evidence: Evidence = Object.fromEntries(findings.flatMap((finding) => Object.entries(findingEvidence(finding))))
    if (verdict === 'grey') this.#told(host, 'host-grey', kinds, text, evidence)
    else if (verdict === 'suspected') this.#told(host, 'host-silent', kinds, text, evidence)
    else if (verdict === 'good' && before === 'grey')
      this.#told(host, 'host-well', 'no-finding', `Nothing is wrong with ${name(host)} any more.`)
  }

  #hear(event: HeartbeatEvent): void {
    for (const effect of this.#watch.apply(event)) this.#happened(effect, event.atMs)
  }

  #happened(effect: HeartbeatEffect, atMs: number): void {
    const { parts, news } = this
    const { log } = parts
    switch (effect.type) {
      case 'peer-suspected': {
        const evidence = Object.fromEntries(
          effect.evidence.map(({ link, silentMs }) => [`${link}SilentMs`, Math.round(silentMs)]),
        )
        log.warn('host suspected', { host: effect.peer, rule: effect.rule, ...evidence })
        this.#feel({ on: 'peer-suspected', peer: effect.peer, atMs })
        // A host never heard since this daemon started says nothing about the VMs it may run.
        news.suspected(effect.peer, evidence)
        break
      }
      case 'peer-alive':
        log.info('host heard', { host: effect.peer, link: effect.link })
        this.#told(effect.peer, 'host-heard', 'heartbeat-arrived', `${hostNameOf(parts, effect.peer)} is heard.`)
        this.#feel({ on: 'peer-alive', peer: effect.peer, atMs })
        news.heard(effect.peer)
        break
      case 'link-silent':
        this.#told(
          effect.peer,
          'link-silent',
          'no-heartbeat',
          `No heartbeat of ${hostNameOf(parts, effect.peer)} on ${effect.link}.`,
        )
        break
      case 'link-heard':
      case 'peer-restarted':
      case 'peer-role':
      case 'own-pause':
        log.debug('membership', { ...effect })
        break
    }
  }

  #told(host: HostUuid, act: string, rule: string, text: string, evidence: Evidence = {}): void {
    this.parts.timeline.record({ vm: null, act, rule, text, evidence: { host, ...evidence } })
  }
}

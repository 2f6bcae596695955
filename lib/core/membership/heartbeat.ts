import { assert } from '../domain/assert'
import { type HostRole, SUSPECT_AFTER_LEAST_MS, SUSPECT_AFTER_MOST_MS, SUSPECT_AFTER_MS } from '../domain/heartbeat'
import type { HostUuid } from '../domain/ids'
import { type LinkSilence, PeerWatch } from './peer-watch'

export interface PeerLinks {
  readonly host: HostUuid
  readonly links: readonly string[]
}

/** All times are monotonic milliseconds of this host. */
export type HeartbeatEvent =
  /** Whom to listen for; peers and links already known keep what is known of them. */
  | { readonly type: 'peers'; readonly peers: readonly PeerLinks[]; readonly atMs: number }
  | {
      readonly type: 'received'
      readonly peer: HostUuid
      readonly link: string
      readonly incarnation: number
      readonly counter: number
      readonly role: HostRole
      readonly atMs: number
    }
  /** Whose guests' memory waits here: their silence is told as soon as their heartbeats' regularity allows. */
  | { readonly type: 'awaited'; readonly hosts: ReadonlySet<HostUuid>; readonly atMs: number }
  /** At least every OWN_PAUSE_MS, or every gap counts as a pause. */
  | { readonly type: 'tick'; readonly atMs: number }

export type HeartbeatEffect =
  | { readonly type: 'peer-alive'; readonly peer: HostUuid; readonly link: string }
  | {
      readonly type: 'peer-suspected'
      readonly peer: HostUuid
      readonly rule: 'silent-on-every-link' | 'never-heard'
      readonly evidence: readonly LinkSilence[]
    }
  | { readonly type: 'peer-restarted'; readonly peer: HostUuid; readonly incarnation: number }
  | { readonly type: 'peer-role'; readonly peer: HostUuid; readonly role: HostRole }
  | { readonly type: 'link-silent'; readonly peer: HostUuid; readonly link: string; readonly silentMs: number }
  | { readonly type: 'link-heard'; readonly peer: HostUuid; readonly link: string }
  /** This process stood still; the silence of peers meanwhile is not held against them. */
  | { readonly type: 'own-pause'; readonly gapMs: number }

/**
 * A longer gap between two events means that this process did not run: nobody could be heard. With a heartbeat under way it is still less than
 * the shortest silence that counts.
 */
export const OWN_PAUSE_MS = 150

export interface PeerReport {
  readonly host: HostUuid
  /** `unknown`: not heard yet, and not silent for long enough to be suspected. */
  readonly state: 'unknown' | 'alive' | 'suspected'
  readonly role: HostRole | null
  readonly links: readonly LinkSilence[]
}

/** Arrivals of heartbeats in, suspicion out. A suspicion is evidence, never a verdict: see takeover.ts. */
export class HeartbeatWatch {
  private readonly watches = new Map<HostUuid, PeerWatch>()
  private lastMs: number | null = null

  constructor(private readonly suspectAfterMs: number = SUSPECT_AFTER_MS) {
    assert(suspectAfterMs >= SUSPECT_AFTER_LEAST_MS && suspectAfterMs <= SUSPECT_AFTER_MOST_MS, 'a suspicion takes 0.3 to 60 s')
  }

  apply(event: HeartbeatEvent): HeartbeatEffect[] {
    const effects = this.pass(event.atMs)
    const nowMs = this.lastMs ?? event.atMs
    switch (event.type) {
      case 'peers':
        this.listenFor(event.peers, nowMs)
        break
      case 'received':
        effects.push(...(this.watches.get(event.peer)?.received(event, nowMs) ?? []))
        break
      case 'awaited':
        for (const [host, watch] of this.watches) watch.isAwaited = event.hosts.has(host)
        break
      case 'tick':
        for (const watch of this.watches.values()) effects.push(...watch.tick(nowMs))
        break
    }
    return effects
  }

  report(): PeerReport[] {
    const nowMs = this.lastMs ?? 0
    return [...this.watches.values()].map((watch) => watch.report(nowMs))
  }

  /** Rule own-pause: the gap is forgiven to every link alike. */
  private pass(atMs: number): HeartbeatEffect[] {
    const gapMs = this.lastMs === null ? 0 : atMs - this.lastMs
    this.lastMs = Math.max(this.lastMs ?? atMs, atMs)
    if (gapMs <= OWN_PAUSE_MS) return []
    for (const watch of this.watches.values()) watch.forgive(gapMs)
    return [{ type: 'own-pause', gapMs }]
  }

  private listenFor(peers: readonly PeerLinks[], nowMs: number): void {
    const wanted = new Set(peers.map(({ host }) => host))
    for (const host of this.watches.keys()) if (!wanted.has(host)) this.watches.delete(host)
    for (const { host, links } of peers) {
      const watch = this.watches.get(host) ?? new PeerWatch(host, this.suspectAfterMs)
      watch.listenOn(links, nowMs)
      this.watches.set(host, watch)
    }
  }
}

import { type SenderHealth, SUSPECT_AFTER_MS } from '../domain/heartbeat'
import type { HostUuid } from '../domain/ids'
import type { PeerLinks } from './heartbeat'
import { type HostFinding, type HostVerdict, nameOf } from '../domain/host-finding'
import { PeerHealth } from './peer-health'

/** All times are monotonic milliseconds of this host. */
export type HostHealthEvent =
  | { readonly on: 'peers'; readonly peers: readonly PeerLinks[]; readonly atMs: number }
  | {
      readonly on: 'received'
      readonly peer: HostUuid
      readonly link: string
      readonly incarnation: number
      readonly counter: number
      readonly sender: SenderHealth | null
      readonly atMs: number
    }
  /** As HeartbeatWatch says. */
  | { readonly on: 'peer-suspected' | 'peer-alive'; readonly peer: HostUuid; readonly atMs: number }
  /** What a witness or a third host says of a peer. Heartbeats of third hosts are heard for it without being told. */
  | { readonly on: 'said'; readonly peer: HostUuid; readonly by: string; readonly heard: boolean; readonly atMs: number }
  /** The witness's word: every lease of the peer has run out. */
  | { readonly on: 'leases-over'; readonly peer: HostUuid; readonly atMs: number }
  | { readonly on: 'tick'; readonly atMs: number }

export interface HostHealthReport {
  readonly host: HostUuid
  readonly verdict: HostVerdict
  readonly findings: readonly HostFinding[]
}

/** When the verdict on a peer or the names of its findings change. */
export type HostHealthEffect = { readonly do: 'health'; readonly before: HostVerdict } & HostHealthReport

/** Our own process was late to look: what came meanwhile seems late, and was not. */
export const OWN_LAG_MS = 150

/**
 * How the other hosts are: tells a grey host from a dead one. It only ever tells: a take-over begins with a suspicion, which comes
 * from HeartbeatWatch and is passed on here.
 */
export class HostHealth {
  readonly #peers = new Map<HostUuid, PeerHealth>()
  readonly #told = new Map<HostUuid, { verdict: HostVerdict; names: string }>()
  #lastMs: number | null = null
  #sure = true

  constructor(private readonly self: HostUuid) {}

  apply(event: HostHealthEvent): readonly HostHealthEffect[] {
    this.#look(event)
    const { atMs } = event
    switch (event.on) {
      case 'peers':
        this.#listenFor(event.peers)
        break
      case 'received':
        this.#peers.get(event.peer)?.received(event, this.#sure)
        for (const { host, ageMs } of event.sender?.hears ?? [])
          this.#peers.get(host)?.said(event.peer, ageMs <= SUSPECT_AFTER_MS, atMs)
        break
      case 'peer-suspected':
        this.#peers.get(event.peer)?.suspected()
        break
      case 'peer-alive':
        this.#peers.get(event.peer)?.alive()
        break
      case 'said':
        this.#peers.get(event.peer)?.said(event.by, event.heard, atMs)
        break
      case 'leases-over':
        this.#peers.get(event.peer)?.leaseOver()
        break
      case 'tick':
        break
    }
    // Of the others with the next tick: heartbeats are many.
    return [...this.#changes(event.on === 'received' ? event.peer : null)]
  }

  report(): HostHealthReport[] {
    return [...this.#peers].map(([host, peer]) => ({ host, ...peer.verdict(this.#lastMs ?? 0) }))
  }

  /** Sure again with the first tick that comes in time: what waited in the socket has been seen by then. */
  #look({ on, atMs }: HostHealthEvent): void {
    if (this.#lastMs !== null && atMs - this.#lastMs > OWN_LAG_MS) this.#sure = false
    else if (on === 'tick') this.#sure = true
    this.#lastMs = Math.max(this.#lastMs ?? atMs, atMs)
  }

  /** `only`: null for all. */
  *#changes(only: HostUuid | null): Generator<HostHealthEffect> {
    for (const [host, peer] of this.#peers) {
      if (only !== null && host !== only) continue
      const { verdict, findings } = peer.verdict(this.#lastMs ?? 0)
      const names = findings.map(nameOf).sort().join()
      const told = this.#told.get(host) ?? { verdict: 'unknown', names: '' }
      if (told.verdict === verdict && told.names === names) continue
      this.#told.set(host, { verdict, names })
      yield { do: 'health', host, verdict, findings, before: told.verdict }
    }
  }

  #listenFor(peers: readonly PeerLinks[]): void {
    const wanted = new Set(peers.map(({ host }) => host))
    for (const host of this.#peers.keys()) {
      if (wanted.has(host)) continue
      this.#peers.delete(host)
      this.#told.delete(host)
    }
    for (const { host, links } of peers) {
      const peer = this.#peers.get(host) ?? new PeerHealth(this.self)
      peer.listenOn(links)
      this.#peers.set(host, peer)
    }
  }
}

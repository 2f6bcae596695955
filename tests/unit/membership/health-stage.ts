import { linkBit, type SenderHealth } from '../../../lib/core/domain/heartbeat'
import { hostUuid } from '../../../lib/core/domain/ids'
import { HostHealth, type HostHealthEffect } from '../../../lib/core/membership/host-health'

export const [ME, PEER, THIRD] = [1, 2, 3].map((nth) => hostUuid(`aaaaaaaa-0000-4000-8000-00000000000${nth}`)) as [
  ReturnType<typeof hostUuid>,
  ReturnType<typeof hostUuid>,
  ReturnType<typeof hostUuid>,
]
export const LINKS = ['management', 'alink0']
export const ALL = LINKS.reduce((bits, link) => bits + linkBit(link), 0)

/** A peer, a network and this host's daemon, at 100 ms a step. The watch beside it is the daemon's: told here by hand. */
export class Stage {
  readonly machine = new HostHealth(ME)
  readonly told: HostHealthEffect[] = []
  nowMs = 10_000
  counter = 0
  incarnation = 1
  clockMs = 5_000_000
  worstLagMs = 3
  hearsUsOn = ALL
  version = 2

  constructor() {
    const peers = [PEER, THIRD].map((host) => ({ host, links: LINKS }))
    this.told.push(...this.machine.apply({ on: 'peers', peers, atMs: this.nowMs }))
  }

  get sender(): SenderHealth | null {
    if (this.version === 1) return null
    const hears = [{ host: ME, counter: 1, ageMs: 10, links: this.hearsUsOn }]
    return { clockMs: this.clockMs, worstLagMs: this.worstLagMs, hears }
  }

  hear(link: string, atMs = this.nowMs, sender = this.sender): void {
    const { counter, incarnation } = this
    this.told.push(...this.machine.apply({ on: 'received', peer: PEER, link, incarnation, counter, sender, atMs }))
  }

  /** One heartbeat interval: the peer sends on every link unless it is lost there. */
  step(lost: (link: string) => boolean = () => false): void {
    this.nowMs += 100
    this.clockMs += 100
    this.counter += 1
    for (const link of LINKS) if (!lost(link)) this.hear(link)
    this.tick()
  }

  tick(): void {
    this.told.push(...this.machine.apply({ on: 'tick', atMs: this.nowMs }))
  }

  steps(count: number, lost?: (link: string) => boolean): void {
    for (let nth = 0; nth < count; nth += 1) this.step(lost)
  }

  /** Nothing comes for so long; what the peer does meanwhile is for the caller. */
  silence(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 100
      this.tick()
    }
  }

  event(on: 'peer-suspected' | 'peer-alive' | 'leases-over'): void {
    this.told.push(...this.machine.apply({ on, peer: PEER, atMs: this.nowMs }))
  }

  get now(): string {
    const report = this.machine.report().find(({ host }) => host === PEER)
    const names = report?.findings.map((finding) => ('link' in finding ? `${finding.kind} ${finding.link}` : finding.kind)) ?? []
    return [report?.verdict, ...names].join(' ')
  }
}

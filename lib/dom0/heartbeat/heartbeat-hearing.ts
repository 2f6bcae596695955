import {
  HEARD_HOSTS_MAX,
  HEARTBEAT_EVERY_MS,
  type HeardHost,
  linkBit,
  type SenderHealth,
  SUSPECT_AFTER_MS,
} from '../../core/domain/heartbeat'
import type { HostUuid } from '../../core/domain/ids'

/** Five seconds of heartbeats. */
const LAGS_KEPT = 50

interface Heard {
  counter: number
  atMs: number
  readonly links: Map<string, number>
}

/** What this host tells of itself with each heartbeat. All times are of its monotonic clock. */
export class Hearing {
  readonly #hosts = new Map<HostUuid, Heard>()
  #lagsMs: number[] = []
  #sentAtMs: number | null = null
  #turn = 0

  constructor(private readonly everyMs = HEARTBEAT_EVERY_MS) {}

  heard(host: HostUuid, link: string, counter: number, atMs: number): void {
    const known = this.#hosts.get(host) ?? { counter, atMs, links: new Map<string, number>() }
    Object.assign(known, { counter, atMs })
    known.links.set(link, atMs)
    this.#hosts.set(host, known)
  }

  /** Once for each heartbeat, when it is sent. */
  tell(nowMs: number): SenderHealth {
    const lagMs = this.#sentAtMs === null ? 0 : nowMs - this.#sentAtMs - this.everyMs
    this.#sentAtMs = nowMs
    this.#lagsMs = [...this.#lagsMs, Math.max(0, lagMs)].slice(-LAGS_KEPT)
    return { clockMs: Math.floor(nowMs), worstLagMs: Math.round(Math.max(...this.#lagsMs)), hears: this.#hears(nowMs) }
  }

  /** In turns where there are more than one heartbeat can name. */
  #hears(nowMs: number): HeardHost[] {
    const all = [...this.#hosts]
    const from = all.length > HEARD_HOSTS_MAX ? (this.#turn * HEARD_HOSTS_MAX) % all.length : 0
    this.#turn += 1
    return [...all.slice(from), ...all.slice(0, from)].slice(0, HEARD_HOSTS_MAX).map(([host, { counter, atMs, links }]) => {
      const fresh = [...links].filter(([, heardAtMs]) => nowMs - heardAtMs <= SUSPECT_AFTER_MS)
      return { host, counter, ageMs: Math.round(nowMs - atMs), links: fresh.reduce((bits, [link]) => bits + linkBit(link), 0) }
    })
  }
}

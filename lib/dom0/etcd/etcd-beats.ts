import type { StoredClaim } from '../../core/domain/claim'
import { leaseOverAfterMs } from '../../core/domain/lease'

interface Seen {
  readonly beat: number
  /** When the answer came that showed it first. */
  readonly sinceMs: number
  readonly overAfterMs: number
}

/**
 * How long this client has seen the holder of a claim silent. etcd judges no leases for us: a renewal rewrites a key, the beat,
 * and a lease is over for us when the beat's revision stood still for that long. A renewal older than our first look ended
 * before it; a later one moves the beat, and the transaction that takes the claim requires that it has not moved. So a taker that
 * stood still, or begins anew, only waits longer.
 */
export class EtcdBeats {
  private readonly seen = new Map<string, Seen>()

  /**
   * @param beat revision of the beat that stands beside `stored`
   * @param nowMs monotonic; not before the answer came that showed both
   * @returns how much of the lease is left for us; 0: it is over, as long as the beat does not move
   */
  leaseLeftMs(vm: string, stored: StoredClaim | null, beat: number, nowMs: number): number {
    if (stored === null) {
      this.seen.delete(vm)
      return 0
    }
    const before = this.seen.get(vm)
    const overAfterMs = leaseOverAfterMs(stored.claim.leaseMs)
    const now =
      before?.beat === beat
        ? { ...before, overAfterMs: Math.max(before.overAfterMs, overAfterMs) }
        : { beat, sinceMs: nowMs, overAfterMs }
    this.seen.set(vm, now)
    return Math.max(0, Math.ceil(now.sinceMs + now.overAfterMs - nowMs))
  }
}

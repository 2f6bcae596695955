import type { Claim, StoredClaim } from '../../../lib/core/domain/claim'
import type { HostUuid } from '../../../lib/core/domain/ids'
import { leaseOverAfterMs } from '../../../lib/core/domain/lease'

/** What a witness does, in a page: one claim, who was heard when. Its clock runs up to 1 % fast. */
export class WitnessModel {
  private revision = 1
  private heardAtMs = 0
  /** True time since which another host holds it. */
  takenAtMs: number | null = null

  constructor(
    private claim: Claim,
    private readonly rate: number,
  ) {}

  get stored(): StoredClaim {
    return { revision: this.revision, claim: this.claim }
  }

  renew(holder: HostUuid, term: number, nowMs: number): boolean {
    if (this.claim.holder !== holder || this.claim.term !== term) return false
    this.heardAtMs = nowMs
    return true
  }

  swap(expected: number, next: Claim, nowMs: number): boolean {
    if (expected !== this.revision) return false
    if (next.holder !== this.claim.holder) this.takenAtMs = nowMs
    this.claim = next
    this.revision += 1
    this.heardAtMs = nowMs
    return true
  }

  /** Another host takes it, if the claim lists it and the lease is over on the witness's clock. */
  take(host: HostUuid, nowMs: number): boolean {
    const listed = Object.values(this.claim.upToDate).every((hosts) => hosts.includes(host))
    const silentMs = (nowMs - this.heardAtMs) * this.rate
    if (!listed || this.claim.holder === host || silentMs < leaseOverAfterMs(this.claim.leaseMs)) return false
    this.claim = { ...this.claim, holder: host, term: this.claim.term + 1 }
    this.revision += 1
    this.takenAtMs = nowMs
    return true
  }
}

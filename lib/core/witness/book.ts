import type { StoredClaim } from '../domain/claim'
import type { ClaimRecord } from '../domain/claim-record'
import type { ClaimSummary } from '../domain/claim-request'
import type { HostUuid, VmUuid } from '../domain/ids'
import { leaseOverAfterMs } from '../domain/lease'

interface Entry {
  readonly stored: StoredClaim
  /** Monotonic. Until then nobody but the holder may have the claim. */
  leaseUntilMs: number
}

/** The durable claims of one pool, and how long the lease of each still runs. Holds nothing that is not on disk. */
export class Book {
  private readonly entries = new Map<VmUuid, Entry>()

  get size(): number {
    return this.entries.size
  }

  find(vm: VmUuid): StoredClaim | null {
    return this.entries.get(vm)?.stored ?? null
  }

  leaseLeftMs(vm: VmUuid, nowMs: number): number {
    const entry = this.entries.get(vm)
    return entry === undefined ? 0 : Math.max(0, Math.ceil(entry.leaseUntilMs - nowMs))
  }

  /** A change that is on disk. The change itself counts as a sign of life of the holder it names. */
  enter(record: ClaimRecord, nowMs: number): void {
    if (record.kind === 'removed') {
      this.entries.delete(record.vm)
      return
    }
    const { claim, revision } = record
    const before = this.entries.get(claim.vm)
    const untilMs = nowMs + leaseOverAfterMs(claim.leaseMs)
    // A holder that shortens its lease may not know yet that it did: the answer can get lost.
    const leaseUntilMs = before?.stored.claim.holder === claim.holder ? Math.max(before.leaseUntilMs, untilMs) : untilMs
    this.entries.set(claim.vm, { stored: { revision, claim }, leaseUntilMs })
  }

  /** False when `holder` does not hold the claim in this term. */
  renew(vm: VmUuid, term: number, holder: HostUuid, nowMs: number): boolean {
    const entry = this.entries.get(vm)
    if (entry === undefined || entry.stored.claim.term !== term || entry.stored.claim.holder !== holder) return false
    entry.leaseUntilMs = Math.max(entry.leaseUntilMs, nowMs + leaseOverAfterMs(entry.stored.claim.leaseMs))
    return true
  }

  page(after: VmUuid | null, length: number, nowMs: number): { claims: ClaimSummary[]; more: boolean } {
    const vms = [...this.entries.keys()].filter((vm) => after === null || vm > after).sort()
    const claims = vms.slice(0, length).flatMap((vm) => {
      const stored = this.find(vm)
      if (stored === null) return []
      const { revision, claim } = stored
      return [{ vm, revision, term: claim.term, holder: claim.holder, leaseLeftMs: this.leaseLeftMs(vm, nowMs) }]
    })
    return { claims, more: vms.length > length }
  }
}

import type { Claim } from '../../../lib/core/domain/claim'
import type { ClaimAnswer, ClaimRequest } from '../../../lib/core/domain/claim-request'

interface Life {
  readonly atMs: number
  readonly revision: number
  readonly claim: Claim
}

/**
 * A second witness that keeps no state but the whole past: every stored change and every sign of life since the restart. It
 * answers one request at a time, and looks everything up anew. Grace: 1 % of the lease and 50 ms, rounded up.
 */
export class DumbWitness {
  private changes: { revision: number; vm: string; claim: Claim | null }[] = []
  private heard: Life[] = []

  restart(nowMs: number): void {
    this.heard = []
    for (const vm of new Set(this.changes.map((change) => change.vm))) this.hear(vm, nowMs)
  }

  /** A change that became durable without anybody being told. */
  store(vm: string, revision: number, claim: Claim | null): void {
    this.changes.push({ revision, vm, claim })
  }

  /** `storedAs`: the revision of the change, should it be lawful; `storedAtMs`: when it was durable. */
  answer(request: ClaimRequest, nowMs: number, storedAs: number, storedAtMs: number): ClaimAnswer {
    if (request.op === 'ping' || request.op === 'list') throw new Error('not part of this model')
    const vm = 'next' in request ? request.next.vm : request.vm
    const found = this.present(vm)
    if (request.op === 'carry') {
      const [old, now] = [found?.claim.decided?.generation ?? 0, request.next.decided?.generation ?? 0]
      if (found !== null && now <= old) return { op: 'carried', found }
      this.store(vm, storedAs, request.next)
      this.hear(vm, storedAtMs)
      return { op: 'carried', found: this.present(vm) }
    }
    if (request.op === 'read') return { op: 'read', found }
    if (request.op === 'renew') {
      if (found?.claim.term !== request.term || found.claim.holder !== request.holder)
        return { op: 'not-renewed', current: found }
      this.hear(vm, nowMs)
      return { op: 'renewed' }
    }
    const leaseLeftMs = this.leaseLeftMs(vm, nowMs)
    if (request.expected !== (found === null ? 0 : found.revision))
      return { op: 'refused', by: 'revision', current: found, leaseLeftMs }
    if (request.op === 'remove' && found === null) return { op: 'stored', revision: 0 }
    if (request.op === 'cas' && request.requireLeaseOver && leaseLeftMs > 0 && !isShown(request, found?.claim)) {
      return { op: 'refused', by: 'lease', current: found, leaseLeftMs }
    }
    this.store(vm, storedAs, request.op === 'cas' ? request.next : null)
    this.hear(vm, storedAtMs)
    return { op: 'stored', revision: storedAs }
  }

  private present(vm: string): { revision: number; claim: Claim } | null {
    const last = this.changes.filter((change) => change.vm === vm).at(-1)
    return last?.claim ? { revision: last.revision, claim: last.claim } : null
  }

  private hear(vm: string, atMs: number): void {
    const found = this.present(vm)
    if (found !== null) this.heard.push({ atMs, ...found })
  }

  private leaseLeftMs(vm: string, nowMs: number): number {
    const found = this.present(vm)
    if (found === null) return 0
    const since = this.changes.filter((change) => change.vm === vm && change.claim === null).at(-1)?.revision ?? 0
    const lives = this.heard.filter((life) => life.claim.vm === vm && life.revision > since)
    const isOther = ({ claim }: { claim: Claim }): boolean =>
      claim.holder !== found.claim.holder || claim.term !== found.claim.term
    // After a carry the same holder may come again in the same term; what was heard of it before is another life.
    const ends = lives
      .slice(lives.findLastIndex(isOther) + 1)
      .map(({ atMs, claim }) => atMs + claim.leaseMs + Math.ceil(claim.leaseMs / 100) + 50)
    return Math.max(0, ...ends.map((end) => end - nowMs))
  }
}

/** The next holder is the one that the claim names, and shows the run that it names. */
function isShown({ next, with: run }: Extract<ClaimRequest, { op: 'cas' }>, now: Claim | undefined): boolean {
  if (run === undefined || now?.lockstep == null || now.holder === next.holder) return false
  return JSON.stringify(now.lockstep) === JSON.stringify({ secondary: next.holder, run })
}

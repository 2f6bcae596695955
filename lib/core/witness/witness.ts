import { must } from '../domain/assert'
import { type Claim, generationOf, takesWithMemory } from '../domain/claim'
import type { ClaimRecord } from '../domain/claim-record'
import { CLAIM_LIMITS, type ClaimAnswer, type ClaimRequest } from '../domain/claim-request'
import type { VmUuid } from '../domain/ids'
import { Book } from './book'
import { brokenCarry, brokenRule } from './rules'

export type WitnessEvent =
  /** First event. `revision`: the highest ever given, also to claims that are gone. */
  | { readonly type: 'restarted'; readonly records: readonly ClaimRecord[]; readonly revision: number; readonly nowMs: number }
  /** `from` names the asker; it comes back with the answer and means nothing here. `pool` was proven by its key. */
  | {
      readonly type: 'request'
      readonly from: number
      readonly pool: string
      readonly request: ClaimRequest
      readonly nowMs: number
    }
  /** The record of this revision is on stable storage; */
  | { readonly type: 'persisted'; readonly revision: number; readonly nowMs: number }
  /** or there was no room for it, and nothing of it is left on the disk. */
  | { readonly type: 'not-persisted'; readonly revision: number; readonly nowMs: number }

export type WitnessEffect =
  | { readonly type: 'persist'; readonly record: ClaimRecord }
  | { readonly type: 'answer'; readonly to: number; readonly answer: ClaimAnswer }

type RequestEvent = Extract<WitnessEvent, { type: 'request' }>
type Change = Extract<ClaimRequest, { op: 'cas' | 'remove' }>

/**
 * The third vote. A change is answered only after it is durable. Until then the claim it touches is busy: later requests for
 * the same claim wait their turn, so nobody reads a change that a crash could take back, and a lease is never renewed for a
 * holder that is just being replaced. Requests for other claims pass by.
 */
export class Witness {
  private readonly books = new Map<string, Book>()
  private readonly busy = new Map<string, RequestEvent[]>()
  private readonly writing = new Map<number, { record: ClaimRecord; event: RequestEvent; busyKey: string }>()
  private revision = 0

  constructor(private readonly limits: { readonly claims: number; readonly claimsPerPool: number } = CLAIM_LIMITS) {}

  get claims(): number {
    return [...this.books.values()].reduce((sum, book) => sum + book.size, 0)
  }

  apply(event: WitnessEvent): WitnessEffect[] {
    switch (event.type) {
      case 'restarted':
        // Nobody knows who was heard before the restart, so every holder counts as heard just now.
        for (const record of event.records) this.enter(record, event.nowMs)
        this.revision = Math.max(this.revision, event.revision)
        return []
      case 'request':
        return this.request(event)
      case 'persisted':
        return this.finish(event.revision, (record, op) => {
          this.enter(record, event.nowMs)
          return op === 'carry' ? this.carried(record) : { op: 'stored', revision: record.revision }
        })
      case 'not-persisted':
        return this.finish(event.revision, (record, op) =>
          op === 'carry' ? this.carried(record) : this.refuse(record.pool, vmOf(record), 'full', event.nowMs),
        )
    }
  }

  private request(event: RequestEvent): WitnessEffect[] {
    const vm = claimOf(event.request)
    const key = vm === null ? null : `${event.pool}/${vm}`
    const waiting = key === null ? undefined : this.busy.get(key)
    if (waiting !== undefined) {
      waiting.push(event)
      return []
    }
    const outcome = this.decide(event)
    if ('op' in outcome) return [{ type: 'answer', to: event.from, answer: outcome }]
    const busyKey = must(key, 'only a request about one claim changes it')
    this.busy.set(busyKey, [])
    this.writing.set(outcome.revision, { record: outcome, event, busyKey })
    return [{ type: 'persist', record: outcome }]
  }

  private decide({ pool, request, nowMs }: RequestEvent): ClaimAnswer | ClaimRecord {
    const book = this.books.get(pool)
    switch (request.op) {
      case 'ping':
        return { op: 'ping' }
      case 'read':
        return { op: 'read', found: book?.find(request.vm) ?? null }
      case 'list':
        return { op: 'listed', ...(book ?? new Book()).page(request.after, CLAIM_LIMITS.listPage, nowMs) }
      case 'renew':
        if (book?.renew(request.vm, request.term, request.holder, nowMs) === true) return { op: 'renewed' }
        return { op: 'not-renewed', current: book?.find(request.vm) ?? null }
      case 'carry':
        return this.carry(pool, request.next)
      case 'cas':
      case 'remove':
        return this.change(pool, request, nowMs)
    }
  }

  private change(pool: string, request: Change, nowMs: number): ClaimAnswer | ClaimRecord {
    const vm = request.op === 'cas' ? request.next.vm : request.vm
    const current = this.books.get(pool)?.find(vm) ?? null
    if ((current?.revision ?? 0) !== request.expected) return this.refuse(pool, vm, 'revision', nowMs)
    if (request.op === 'remove') {
      if (current === null) return { op: 'stored', revision: 0 }
      return { kind: 'removed', pool, revision: this.nextRevision(), vm }
    }
    const rule = brokenRule(current?.claim ?? null, request.next)
    if (rule !== null) return { op: 'invalid', rule }
    const isHarmless = takesWithMemory(current?.claim ?? null, request.next, request.with)
    const leaseLeftMs = isHarmless ? 0 : (this.books.get(pool)?.leaseLeftMs(vm, nowMs) ?? 0)
    if (request.requireLeaseOver && leaseLeftMs > 0) return this.refuse(pool, vm, 'lease', nowMs)
    if (current === null && !this.hasRoom(pool)) return this.refuse(pool, vm, 'full', nowMs)
    return { kind: 'stored', pool, revision: this.nextRevision(), claim: request.next }
  }

  /** An asker whose claim is stored already is told so, however often it asks. */
  private carry(pool: string, next: Claim): ClaimAnswer | ClaimRecord {
    const rule = brokenCarry(next)
    if (rule !== null) return { op: 'invalid', rule }
    const found = this.books.get(pool)?.find(next.vm) ?? null
    const isNewer = found === null ? this.hasRoom(pool) : generationOf(next) > generationOf(found.claim)
    return isNewer ? { kind: 'stored', pool, revision: this.nextRevision(), claim: next } : { op: 'carried', found }
  }

  private carried(record: ClaimRecord): ClaimAnswer {
    return { op: 'carried', found: this.books.get(record.pool)?.find(vmOf(record)) ?? null }
  }

  private refuse(pool: string, vm: VmUuid, by: 'revision' | 'lease' | 'full', nowMs: number): ClaimAnswer {
    const book = this.books.get(pool)
    return { op: 'refused', by, current: book?.find(vm) ?? null, leaseLeftMs: book?.leaseLeftMs(vm, nowMs) ?? 0 }
  }

  /** Changes under way count as new claims: rather refuse one too early than hold one too many. */
  private hasRoom(pool: string): boolean {
    const underWay = this.writing.size
    const ofPool = this.books.get(pool)?.size ?? 0
    return this.claims + underWay < this.limits.claims && ofPool + underWay < this.limits.claimsPerPool
  }

  private nextRevision(): number {
    this.revision += 1
    return this.revision
  }

  private enter(record: ClaimRecord, nowMs: number): void {
    const book = this.books.get(record.pool) ?? new Book()
    book.enter(record, nowMs)
    if (book.size > 0) this.books.set(record.pool, book)
    else this.books.delete(record.pool)
    this.revision = Math.max(this.revision, record.revision)
  }

  private finish(revision: number, answerOf: (record: ClaimRecord, op: ClaimRequest['op']) => ClaimAnswer): WitnessEffect[] {
    const { record, event: asked, busyKey } = must(this.writing.get(revision), 'every written record was asked for')
    this.writing.delete(revision)
    const waiting = must(this.busy.get(busyKey), 'a claim being written is busy')
    this.busy.delete(busyKey)
    const effects: WitnessEffect[] = [{ type: 'answer', to: asked.from, answer: answerOf(record, asked.request.op) }]
    for (const event of waiting) effects.push(...this.request(event))
    return effects
  }
}

const vmOf = (record: ClaimRecord): VmUuid => (record.kind === 'stored' ? record.claim.vm : record.vm)

function claimOf(request: ClaimRequest): VmUuid | null {
  if (request.op === 'cas' || request.op === 'carry') return request.next.vm
  return request.op === 'ping' || request.op === 'list' ? null : request.vm
}

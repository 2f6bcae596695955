import { InvariantViolation } from '../../core/domain/assert'
import { type Claim, generationOf, type StoredClaim, takesWithMemory } from '../../core/domain/claim'
import type { ClaimRule } from '../../core/domain/claim-request'
import type { Clock } from '../../ports/clock'
import type { Log } from '../../ports/log'
import { type CasAnswer, type RenewAnswer, type SwapOptions, WitnessUnreachable, type WitnessPort } from '../../ports/witness'
import {
  type ClaimKeys,
  claimKeys,
  claimText,
  forget,
  get,
  put,
  revisionIs,
  storedIn,
  type TxnAnswer,
  valueIs,
  whoText,
} from '../../wire/etcd'
import { Malformed } from '../../wire/shape'
import { EtcdBeats } from './etcd-beats'
import { EtcdGateway } from './etcd-gateway'
import { type EtcdTls, NoAnswer } from './etcd-post'
import { EtcdSession, type SessionAnswer } from './etcd-session'

export interface EtcdOptions {
  /** As wire/etcd's etcdEndpoints reads them. */
  readonly endpoints: readonly string[]
  /** Null: only for http. */
  readonly tls: EtcdTls | null
  /** The pool's uuid. */
  readonly pool: string
  /** Name of the asker, the same after a restart of its process: see EtcdSession. */
  readonly client: string
  readonly clock: Clock
  readonly log: Log
  /** The rule that `next` breaks as the successor of `old`. etcd knows none, so the asker keeps them. */
  readonly brokenRule: (old: Claim | null, next: Claim) => ClaimRule | null
  /** The same for one that is carried here. */
  readonly brokenCarry: (next: Claim) => ClaimRule | null
  /** How long one member may take to answer, connecting included. */
  readonly deadlineMs?: number
}

const ETCD_DEADLINE_MS = 400
/** Whoever else changes the claim has left this generation: it changes once or twice, if at all. */
const CARRY_ATTEMPTS = 5

/** Connects in the background and for as long as it takes. */
export function connectEtcd(options: EtcdOptions): WitnessPort {
  return new EtcdWitness(options)
}

interface Look {
  readonly stored: StoredClaim | null
  readonly beat: number
  readonly leaseLeftMs: number
}

/**
 * The claims in an etcd cluster. Four keys stand for a VM and a client: the claim, who holds it in which term, the beat of its
 * renewals, and the client's session; a change is one transaction on them. The port's revisions are etcd's.
 */
class EtcdWitness implements WitnessPort {
  private readonly gateway: EtcdGateway
  private readonly session: EtcdSession
  private readonly beats = new EtcdBeats()

  constructor(private readonly options: EtcdOptions) {
    this.gateway = new EtcdGateway({ deadlineMs: ETCD_DEADLINE_MS, ...options })
    this.session = new EtcdSession(this.gateway, options.pool, options.client)
  }

  get reachable(): boolean {
    return this.gateway.reachable
  }

  get id(): string | null {
    return this.gateway.cluster === null ? null : `etcd ${this.gateway.cluster}`
  }

  read(vm: string): Promise<StoredClaim | null> {
    return orUnreachable(async () => (await this.look(vm)).stored)
  }

  compareAndSwap(expected: number, next: Claim, options: SwapOptions = {}): Promise<CasAnswer> {
    return orUnreachable(async () => {
      const before = await this.look(next.vm)
      if ((before.stored?.revision ?? 0) !== expected) return refused('revision', before)
      const old = before.stored?.claim ?? null
      const rule = this.options.brokenRule(old, next)
      if (rule !== null) throw new InvariantViolation(`the claim is invalid: ${rule}`)
      const mustBeOver = options.requireLeaseOver === true && !takesWithMemory(old, next, options.with)
      if (mustBeOver && before.leaseLeftMs > 0) return refused('lease', before)
      const keys = this.keys(next.vm)
      const holderStays = old?.holder === next.holder
      const answer = await this.session.change({
        compare: [revisionIs(keys.claim, expected), ...(mustBeOver ? [revisionIs(keys.beat, before.beat)] : [])],
        success: [
          put(keys.claim, claimText(next)),
          put(keys.beat, this.options.client),
          ...(holderStays ? [] : [put(keys.who, whoText(next.term, next.holder))]),
        ],
        failure: [get(keys.claim), get(keys.beat)],
      })
      return answer === 'no-room' ? refused('full', before) : this.casAnswer(answer, next.vm, expected)
    })
  }

  renew(vm: string, term: number, holder: string): Promise<RenewAnswer> {
    return orUnreachable(async () => {
      const keys = this.keys(vm)
      const answer = withRoom(
        await this.session.change({
          compare: [valueIs(keys.who, whoText(term, holder))],
          success: [put(keys.beat, this.options.client)],
          failure: [get(keys.claim)],
        }),
      )
      return answer.succeeded ? { renewed: true } : { renewed: false, current: storedIn(answer, keys, vm) }
    })
  }

  remove({ revision, claim: { vm } }: StoredClaim): Promise<CasAnswer> {
    return orUnreachable(async () => {
      const keys = this.keys(vm)
      const answer = withRoom(
        await this.session.change({
          compare: [revisionIs(keys.claim, revision)],
          success: [forget(keys.claim), forget(keys.who), forget(keys.beat)],
          failure: [get(keys.claim), get(keys.beat)],
        }),
      )
      return this.casAnswer(answer, vm, revision)
    })
  }

  carry(next: Claim): Promise<StoredClaim | null> {
    return orUnreachable(async () => {
      const rule = this.options.brokenCarry(next)
      if (rule !== null) throw new InvariantViolation(`the claim is invalid: ${rule}`)
      const keys = this.keys(next.vm)
      let { stored } = await this.look(next.vm)
      for (let left = CARRY_ATTEMPTS; left > 0; left -= 1) {
        if (stored !== null && generationOf(stored.claim) >= generationOf(next)) return stored
        const answer = await this.session.change({
          compare: [revisionIs(keys.claim, stored?.revision ?? 0)],
          success: [
            put(keys.claim, claimText(next)),
            put(keys.beat, this.options.client),
            put(keys.who, whoText(next.term, next.holder)),
          ],
          failure: [get(keys.claim), get(keys.beat)],
        })
        if (answer === 'no-room') return stored
        if (answer.succeeded) return { revision: answer.revision, claim: next }
        stored = this.seen(answer, next.vm).stored
      }
      throw new NoAnswer(`the claim changes faster than it is carried`, false)
    })
  }

  close(): void {
    this.gateway.close()
  }

  private keys(vm: string): ClaimKeys {
    return claimKeys(this.options.pool, vm)
  }

  private async look(vm: string): Promise<Look> {
    const keys = this.keys(vm)
    return this.seen(withRoom(await this.session.read([get(keys.claim), get(keys.beat)])), vm)
  }

  private seen(answer: TxnAnswer, vm: string): Look {
    const keys = this.keys(vm)
    const stored = storedIn(answer, keys, vm)
    const beat = answer.found.get(keys.beat)?.revision ?? 0
    return { stored, beat, leaseLeftMs: this.beats.leaseLeftMs(vm, stored, beat, this.options.clock.nowMs()) }
  }

  private casAnswer(answer: TxnAnswer, vm: string, expected: number): CasAnswer {
    if (answer.succeeded) return { stored: true, revision: answer.revision }
    const now = this.seen(answer, vm)
    return refused((now.stored?.revision ?? 0) === expected ? 'lease' : 'revision', now)
  }
}

/** Only a change of a claim says `full`; whoever asks anything else is without a witness then. */
function withRoom(answer: SessionAnswer): TxnAnswer {
  if (answer === 'no-room') throw new NoAnswer('etcd has no room left', false)
  return answer
}

const refused = (why: 'revision' | 'lease' | 'full', { stored, leaseLeftMs }: Look): CasAnswer => ({
  ...{ stored: false, why, current: stored, leaseLeftMs },
})

async function orUnreachable<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof NoAnswer) throw new WitnessUnreachable(error.message)
    if (error instanceof Malformed) throw new WitnessUnreachable(`what stands in etcd is not understood: ${error.message}`)
    throw error
  }
}

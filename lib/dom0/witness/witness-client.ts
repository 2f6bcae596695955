import { randomUUID } from 'node:crypto'
import { InvariantViolation } from '../../core/domain/assert'
import type { Claim, StoredClaim } from '../../core/domain/claim'
import type { ClaimAnswer, ClaimRequest, ClaimSummary } from '../../core/domain/claim-request'
import { hostUuid, vmUuid } from '../../core/domain/ids'
import type { Log } from '../../ports/log'
import { type CasAnswer, WitnessUnreachable, type WitnessPort } from '../../ports/witness'
import { WitnessConnection } from './witness-connection'

export interface WitnessOptions {
  /** host:port; an IPv6 host in brackets. */
  readonly address: string
  /** The pool's uuid. */
  readonly pool: string
  /** 32 bytes. */
  readonly key: Buffer
  readonly log: Log
  /** How long a request may wait for its answer, connecting included. */
  readonly deadlineMs?: number
  /**
   * Name of the asker, the same after a restart of its process. The witness serves one connection per name, the newest, so a
   * request that a dead process left in the network cannot take effect after its successor has asked.
   */
  readonly client?: string
}

export interface WitnessClient extends WitnessPort {
  /** All claims of the pool, for people. */
  list(): Promise<readonly ClaimSummary[]>
}

interface Pending {
  readonly ask: ClaimRequest
  readonly settle: (answer: ClaimAnswer) => void
  readonly giveUp: (why: string) => void
  sent: boolean
}

export const WITNESS_DEADLINE_MS = 400

/** Connects in the background and for as long as it takes; requests meanwhile wait until their deadline. */
export function connectWitness(options: WitnessOptions): WitnessClient {
  return new Client(options)
}

class Client implements WitnessClient {
  private readonly pending = new Map<number, Pending>()
  private readonly connection: WitnessConnection
  private readonly deadlineMs: number
  private lastId = 0
  private closed = false

  constructor(options: WitnessOptions) {
    this.deadlineMs = options.deadlineMs ?? WITNESS_DEADLINE_MS
    this.connection = new WitnessConnection(
      { client: randomUUID(), ...options },
      {
        up: () => {
          for (const [id, waiting] of this.pending) this.send(id, waiting)
        },
        answer: (id, answer) => this.pending.get(id)?.settle(answer),
        down: (why) => {
          for (const waiting of this.pending.values()) if (waiting.sent) waiting.giveUp(why)
        },
      },
    )
  }

  get reachable(): boolean {
    return this.connection.reachable
  }

  get id(): string | null {
    return this.connection.witness
  }

  async read(vm: string) {
    const answer = await this.ask({ op: 'read', vm: vmUuid(vm) })
    return answer.op === 'read' ? answer.found : unexpected(answer)
  }

  async compareAndSwap(...[expected, next, options]: Parameters<WitnessPort['compareAndSwap']>): Promise<CasAnswer> {
    const requireLeaseOver = options?.requireLeaseOver ?? false
    return casAnswer(await this.ask({ op: 'cas', expected, next, requireLeaseOver, with: options?.with }))
  }

  async renew(vm: string, term: number, holder: string) {
    const answer = await this.ask({ op: 'renew', vm: vmUuid(vm), term, holder: hostUuid(holder) })
    if (answer.op === 'renewed') return { renewed: true } as const
    return answer.op === 'not-renewed' ? ({ renewed: false, current: answer.current } as const) : unexpected(answer)
  }

  async remove({ revision, claim }: StoredClaim): Promise<CasAnswer> {
    return casAnswer(await this.ask({ op: 'remove', vm: claim.vm, expected: revision }))
  }

  async carry(next: Claim): Promise<StoredClaim | null> {
    const answer = await this.ask({ op: 'carry', next })
    return answer.op === 'carried' ? answer.found : unexpected(answer)
  }

  async list(): Promise<readonly ClaimSummary[]> {
    const claims: ClaimSummary[] = []
    for (;;) {
      const answer = await this.ask({ op: 'list', after: claims.at(-1)?.vm ?? null })
      if (answer.op !== 'listed') return unexpected(answer)
      claims.push(...answer.claims)
      if (!answer.more) return claims
    }
  }

  close(): void {
    this.closed = true
    this.connection.close()
    for (const waiting of this.pending.values()) waiting.giveUp('the connection was closed')
  }

  private ask(ask: ClaimRequest): Promise<ClaimAnswer> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(new WitnessUnreachable('the connection was closed'))
        return
      }
      this.lastId += 1
      const id = this.lastId
      const forget = () => {
        clearTimeout(timer)
        this.pending.delete(id)
      }
      const waiting: Pending = {
        ask,
        sent: false,
        settle: (answer) => {
          forget()
          resolve(answer)
        },
        giveUp: (why) => {
          forget()
          reject(new WitnessUnreachable(why))
        },
      }
      // When this process stood still, timers come before what arrived meanwhile: look there before giving up.
      const timer = setTimeout(() => setImmediate(() => waiting.giveUp(this.silence(waiting.sent))), this.deadlineMs)
      this.pending.set(id, waiting)
      this.send(id, waiting)
    })
  }

  private send(id: number, waiting: Pending): void {
    if (!waiting.sent) waiting.sent = this.connection.ask(id, waiting.ask)
  }

  private silence(sent: boolean): string {
    return sent ? `no answer within ${this.deadlineMs} ms` : this.connection.trouble
  }
}

function casAnswer(answer: ClaimAnswer): CasAnswer {
  if (answer.op === 'stored') return { stored: true, revision: answer.revision }
  if (answer.op === 'refused') {
    return { stored: false, why: answer.by, current: answer.current, leaseLeftMs: answer.leaseLeftMs }
  }
  return unexpected(answer)
}

/** A claim that breaks a rule was made by our own code: see ClaimRule. */
function unexpected(answer: ClaimAnswer): never {
  throw new InvariantViolation(`the witness answered ${answer.op === 'invalid' ? `invalid: ${answer.rule}` : answer.op}`)
}

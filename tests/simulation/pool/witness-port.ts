import type { Claim, StoredClaim } from '../../../lib/core/domain/claim'
import type { ClaimAnswer, ClaimRequest } from '../../../lib/core/domain/claim-request'
import { hostUuid, vmUuid } from '../../../lib/core/domain/ids'
import { type CasAnswer, type WitnessPort, WitnessUnreachable } from '../../../lib/ports/witness'
import { CLAIMS_PROTOCOL, decodeFromWitness, encodeClaimsLine } from '../../../lib/wire/claims'
import type { Process } from './process'
import { type WitnessRoad, WitnessWire } from './witness-wire'

const DEADLINE_MS = 400
/** A connection on which something was asked and nothing came for so long is given up. */
const SILENT_MS = 1000
const CHECK_EVERY_MS = 250
const RETRY_MS = { first: 100, last: 1000 } as const
const PING_ID = 0

interface Waiting {
  readonly ask: ClaimRequest
  readonly settle: (answer: ClaimAnswer | null) => void
  isSent: boolean
}

/** A process's way to the witness: one connection at a time, made again whenever it ends. */
export class SimulatedWitness implements WitnessPort {
  /** It is asked for the claim of a holder that is missed. */
  onTaking: () => void = () => undefined
  /** It is to decide from now on. */
  onCarrying: () => void = () => undefined
  readonly #waiting = new Map<number, Waiting>()
  #wire: WitnessWire | null = null
  #isUp = false
  #isClosed = false
  #retryMs: number = RETRY_MS.first
  #heardAtMs = -Infinity
  #silentSinceMs: number | null = null
  #lastId = 0
  #id: string | null = null

  constructor(
    private readonly process: Process,
    private readonly road: WitnessRoad,
    private readonly pool: string,
    private readonly client: string,
  ) {
    process.timers.every(CHECK_EVERY_MS, () => this.#check())
    this.#connect()
  }

  get reachable(): boolean {
    return this.#isUp || this.process.clock.nowMs() - this.#heardAtMs < SILENT_MS
  }

  async read(vm: string): Promise<Extract<ClaimAnswer, { op: 'read' }>['found']> {
    const answer = await this.#ask({ op: 'read', vm: vmUuid(vm) })
    return answer.op === 'read' ? answer.found : odd(answer)
  }

  async compareAndSwap(...[expected, next, options]: Parameters<WitnessPort['compareAndSwap']>): Promise<CasAnswer> {
    const requireLeaseOver = options?.requireLeaseOver ?? false
    if (requireLeaseOver) this.onTaking()
    return casAnswer(await this.#ask({ op: 'cas', expected, next, requireLeaseOver, with: options?.with }))
  }

  async renew(...[vm, term, holder]: Parameters<WitnessPort['renew']>): ReturnType<WitnessPort['renew']> {
    const answer = await this.#ask({ op: 'renew', vm: vmUuid(vm), term, holder: hostUuid(holder) })
    if (answer.op === 'renewed') return { renewed: true }
    return answer.op === 'not-renewed' ? { renewed: false, current: answer.current } : odd(answer)
  }

  async remove({ revision, claim }: StoredClaim): Promise<CasAnswer> {
    return casAnswer(await this.#ask({ op: 'remove', vm: claim.vm, expected: revision }))
  }

  async carry(next: Claim): Promise<StoredClaim | null> {
    this.onCarrying()
    const answer = await this.#ask({ op: 'carry', next })
    return answer.op === 'carried' ? answer.found : odd(answer)
  }

  get id(): string | null {
    return this.#id
  }

  close(): void {
    this.#isClosed = true
    this.#wire?.destroy()
    for (const { settle } of [...this.#waiting.values()]) settle(null)
  }

  /** The process is gone, and its machine says so. */
  died(): void {
    this.#wire?.destroy()
  }

  #ask(ask: ClaimRequest): Promise<ClaimAnswer> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const settle = (answer: ClaimAnswer | null): void => {
        if (!this.#waiting.delete(id)) return
        timer.stop()
        if (answer === null) reject(new WitnessUnreachable('simulated'))
        else resolve(answer)
      }
      const timer = this.process.timers.after(DEADLINE_MS, () => settle(null))
      const waiting = { ask, settle, isSent: false }
      this.#waiting.set(id, waiting)
      if (this.#isClosed) settle(null)
      else this.#send(id, waiting)
    })
  }

  #send(id: number, waiting: Waiting): void {
    if (waiting.isSent || !this.#isUp) return
    waiting.isSent = true
    this.#say(id, waiting.ask)
  }

  #say(id: number, ask: ClaimRequest): void {
    this.#silentSinceMs ??= this.process.clock.nowMs()
    this.#wire?.say(encodeClaimsLine({ type: 'ask', id, ask }))
  }

  #connect(): void {
    const { life, clock } = this.process
    this.#silentSinceMs = clock.nowMs()
    const wire = new WitnessWire(this.road, life, this.pool, this.client, {
      connected: () =>
        wire.say(encodeClaimsLine({ type: 'hello', protocol: CLAIMS_PROTOCOL, pool: this.pool, client: this.client })),
      line: (line) => this.#line(line),
      closed: () => this.#ended(),
    })
    this.#wire = wire
  }

  #line(text: string): void {
    const message = decodeFromWitness(text)
    this.#heardAtMs = this.process.clock.nowMs()
    this.#silentSinceMs = null
    if (message.type === 'hello') {
      this.#isUp = true
      this.#id = message.witness
      this.#retryMs = RETRY_MS.first
      for (const [id, waiting] of this.#waiting) this.#send(id, waiting)
    } else if (message.type === 'answer') {
      if (message.id !== PING_ID) this.#waiting.get(message.id)?.settle(message.answer)
    } else if (message.type === 'garbled') throw new Error(`the witness is not understood: ${message.text}`)
    else this.#abandon()
  }

  #check(): void {
    const nowMs = this.process.clock.nowMs()
    if (this.#silentSinceMs !== null && nowMs - this.#silentSinceMs > SILENT_MS) this.#abandon()
    else if (this.#isUp && nowMs - this.#heardAtMs > SILENT_MS) this.#say(PING_ID, { op: 'ping' })
  }

  #abandon(): void {
    if (this.#wire === null) return
    this.#wire.destroy()
    this.#ended()
  }

  #ended(): void {
    this.#wire = null
    this.#isUp = false
    this.#silentSinceMs = null
    for (const { isSent, settle } of [...this.#waiting.values()]) if (isSent) settle(null)
    if (this.#isClosed) return
    const retryMs = this.#retryMs
    this.#retryMs = Math.min(RETRY_MS.last, retryMs * 2)
    this.process.timers.after(retryMs, () => {
      if (!this.#isClosed) this.#connect()
    })
  }
}

function casAnswer(answer: ClaimAnswer): CasAnswer {
  if (answer.op === 'stored') return { stored: true, revision: answer.revision }
  if (answer.op === 'refused') return { stored: false, why: answer.by, current: answer.current, leaseLeftMs: answer.leaseLeftMs }
  return odd(answer)
}

function odd(answer: ClaimAnswer): never {
  throw new Error(`the witness answered ${answer.op === 'invalid' ? `invalid: ${answer.rule}` : answer.op}`)
}

import { must } from './must'
import type { Claim, StoredClaim } from '../../../lib/core/domain/claim'
import type { ClaimRecord } from '../../../lib/core/domain/claim-record'
import type { ClaimAnswer, ClaimRequest } from '../../../lib/core/domain/claim-request'
import { Witness, type WitnessEffect, type WitnessEvent } from '../../../lib/core/witness/witness'
import type { Dice } from '../../world/prng'
import { Life, type Schedule } from '../../world/schedule'

export const POOL = 'pool'
/** Milliseconds an asker waits. */
const DEADLINE_MS = 400

interface Road {
  up: boolean
  /** On top of what every road takes, at most. */
  slowMs: number
  /** Grows with each new connection: the witness serves the newest only. */
  connection: number
  /** What was said while it was down, and may still arrive. */
  readonly held: (() => void)[]
  /** Messages on it keep their order. */
  thereAt: number
  backAt: number
}

/** The witness: the machine itself, its log on a disk, the roads to it. What is on its disk survives it. */
export class WitnessProcess {
  readonly #log: ClaimRecord[] = []
  readonly roads = new Map<string, Road>()
  #machine = new Witness()
  #life = new Life()
  #lastAsker = 0
  readonly #answers = new Map<number, (answer: ClaimAnswer) => void>()
  #persisting: ClaimRecord[] = []

  constructor(
    private readonly schedule: Schedule,
    private readonly dice: Dice,
    private readonly latencyMs: number,
    private readonly rate: number,
    private readonly onStored: (claim: Claim) => void,
  ) {}

  get isUp(): boolean {
    return this.#life.alive
  }

  /** As it is on the disk. */
  get stored(): StoredClaim {
    const record = must(this.#log.at(-1), 'there is a claim from the start')
    if (record.kind !== 'stored') throw new Error('the claim was removed')
    return { revision: record.revision, claim: record.claim }
  }

  /** An operator edits the log of a witness that is down. */
  force(claim: Claim): void {
    const revision = this.#log.length + 1
    this.#log.push({ kind: 'stored', pool: POOL, revision, claim })
    this.onStored(claim)
  }

  crash(): void {
    if (!this.isUp) return
    this.#life.alive = false
    for (const record of this.#persisting.splice(0)) {
      if (this.dice.chance(0.5)) break
      this.#store(record)
    }
    this.#answers.clear()
    for (const road of this.roads.values()) road.connection++
  }

  start(): void {
    this.#life = new Life()
    this.#machine = new Witness()
    const revision = this.#log.at(-1)?.revision ?? 0
    this.#apply({ type: 'restarted', records: this.#log, revision, nowMs: this.#nowMs })
  }

  setRoad(host: string, up: boolean): void {
    const road = this.#road(host)
    road.up = up
    if (!up && this.dice.chance(0.5)) road.connection++
    if (up) for (const say of road.held.splice(0)) say()
  }

  slowRoad(host: string, ms: number): void {
    this.#road(host).slowMs = ms
  }

  /** A new process of a host has a connection of its own; what an older one said and was not heard, is not heard any more. */
  connect(host: string): void {
    this.#road(host).connection++
  }

  /** `answer` gets undefined when none came in time: it may have been done or not. */
  ask(host: string, life: Life, request: ClaimRequest, answer: (answer: ClaimAnswer | undefined) => void): void {
    const road = this.#road(host)
    const { connection } = road
    let open = true
    const settle = (result: ClaimAnswer | undefined): void => {
      if (!open) return
      open = false
      answer(result)
    }
    this.schedule.after(DEADLINE_MS, () => settle(undefined), life)
    const say = (): void => this.#say(road, connection, life, request, settle)
    if (road.up) say()
    else road.held.push(say)
  }

  #say(road: Road, connection: number, life: Life, request: ClaimRequest, settle: (result: ClaimAnswer) => void): void {
    if (!this.isUp || road.connection !== connection) return
    const delayMs = this.dice.fraction() * (this.dice.chance(0.02) ? 2 * DEADLINE_MS : this.latencyMs + road.slowMs)
    road.thereAt = Math.max(road.thereAt, this.schedule.now + delayMs)
    this.schedule.after(road.thereAt - this.schedule.now, () => {
      if (!road.up || !this.isUp || road.connection !== connection) return
      const from = ++this.#lastAsker
      this.#answers.set(from, (result) => {
        road.backAt = Math.max(road.backAt, this.schedule.now + this.dice.fraction() * this.latencyMs)
        this.schedule.after(road.backAt - this.schedule.now, () => {
          if (road.up && road.connection === connection) this.schedule.to(life, () => settle(result))
        })
      })
      this.#apply({ type: 'request', from, pool: POOL, request, nowMs: this.#nowMs })
    })
  }

  get #nowMs(): number {
    return this.schedule.now * this.rate
  }

  #road(host: string): Road {
    const road = this.roads.get(host) ?? { up: true, slowMs: 0, connection: 0, held: [], thereAt: 0, backAt: 0 }
    this.roads.set(host, road)
    return road
  }

  #apply(event: WitnessEvent): void {
    for (const effect of this.#machine.apply(event)) this.#run(effect)
  }

  #run(effect: WitnessEffect): void {
    if (effect.type === 'answer') {
      this.#answers.get(effect.to)?.(effect.answer)
      this.#answers.delete(effect.to)
      return
    }
    const { record } = effect
    this.#persisting.push(record)
    this.schedule.after(
      this.dice.fraction() * this.latencyMs,
      () => {
        this.#persisting = this.#persisting.filter((other) => other !== record)
        this.#store(record)
        this.#apply({ type: 'persisted', revision: record.revision, nowMs: this.#nowMs })
      },
      this.#life,
    )
  }

  #store(record: ClaimRecord): void {
    this.#log.push(record)
    if (record.kind === 'stored') this.onStored(record.claim)
  }
}

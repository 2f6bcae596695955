import type { Claim } from '../../../lib/core/domain/claim'
import type { ClaimRecord } from '../../../lib/core/domain/claim-record'
import type { ClaimRequest } from '../../../lib/core/domain/claim-request'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Witness, type WitnessEffect } from '../../../lib/core/witness/witness'
import { Dice } from '../../world/prng'
import { DumbWitness } from './dumb-witness'

const HOSTS = [1, 2, 3].map((nth) => hostUuid(`aaaaaaaa-0000-4000-8000-00000000000${nth}`))
const VMS = [1, 2].map((nth) => vmUuid(`eeeeeeee-0000-4000-8000-00000000000${nth}`))
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000001')
const POOL = 'pool'

/** Many hosts ask at random, disks are slow, the witness dies in between: every answer is that of the dumb witness. */
class Run {
  private readonly dice: Dice
  private readonly dumb = new DumbWitness()
  private witness = new Witness()
  private nowMs = 0
  private asked = new Map<number, { request: ClaimRequest; atMs: number }>()
  private lastAsked = 0
  private disk: ClaimRecord[] = []
  private unwritten: ClaimRecord[] = []
  private highest = 0
  private readonly seen = new Map<string, { revision: number; claim: Claim }>()
  readonly met = new Map<string, number>()

  constructor(seed: number) {
    this.dice = new Dice(seed)
  }

  turn(): void {
    this.nowMs += this.dice.chance(0.05) ? this.dice.below(2000) : this.dice.below(60)
    if (this.dice.chance(0.01)) this.restart()
    else if (this.unwritten.length > 0 && this.dice.chance(0.4)) this.writeOne()
    else this.ask()
  }

  private ask(): void {
    const request = this.request()
    this.lastAsked += 1
    this.asked.set(this.lastAsked, { request, atMs: this.nowMs })
    this.check(this.witness.apply({ type: 'request', from: this.lastAsked, pool: POOL, request, nowMs: this.nowMs }))
  }

  private request(): ClaimRequest {
    const vm = this.dice.of(VMS)
    const known = this.seen.get(vm)
    const op = this.dice.of(['read', 'read', 'renew', 'renew', 'cas', 'cas', 'cas', 'carry', 'remove'] as const)
    if (op === 'read') return { op, vm }
    const { term, holder } = known?.claim ?? { term: 1, holder: this.dice.of(HOSTS) }
    if (op === 'renew') return { op, vm, term: this.dice.chance(0.9) ? term : term + 1, holder }
    const expected = this.dice.chance(0.8) ? (known?.revision ?? 0) : this.dice.below(5)
    if (op === 'remove') return { op, vm, expected: this.dice.chance(0.3) ? expected : 999_999 }
    const leaseMs = this.dice.of([100, 333, 700])
    const lockstep = this.dice.chance(0.5) ? null : { secondary: this.dice.of(HOSTS), run: this.dice.of([1, 2]) }
    const next = { vm, holder: this.dice.of(HOSTS), leaseMs, upToDate: { [DISK]: HOSTS }, lockstep }
    const nextTerm = known === undefined ? 1 : next.holder === holder ? term : term + 1
    const old = known?.claim.decided ?? null
    if (op === 'carry') {
      const generation = Math.max(1, (old?.generation ?? 0) + this.dice.below(3) - 1)
      // No shorter than any lease before it: a holder that carries its own claim has not shortened it.
      return { op, next: { ...next, leaseMs: 700, term: nextTerm, decided: { generation, by: 'here' } } }
    }
    const decided = old === null ? {} : { decided: old }
    const run = this.dice.chance(0.5) ? {} : { with: this.dice.of([1, 2]) }
    return { op, expected, next: { ...next, ...decided, term: nextTerm }, requireLeaseOver: this.dice.chance(0.7), ...run }
  }

  private writeOne(): void {
    const [record] = this.unwritten
    if (record === undefined) throw new Error('nothing to write')
    this.unwritten = this.unwritten.slice(1)
    this.disk.push(record)
    this.check(this.witness.apply({ type: 'persisted', revision: record.revision, nowMs: this.nowMs }), record.revision)
  }

  private check(effects: WitnessEffect[], revision = 0): void {
    for (const effect of effects) {
      if (effect.type === 'persist') {
        expect(effect.record.revision).toBeGreaterThan(this.highest)
        this.highest = effect.record.revision
        this.unwritten.push(effect.record)
        continue
      }
      const { request, atMs } = this.asked.get(effect.to) ?? this.neverAsked(effect.to)
      this.asked.delete(effect.to)
      if (effect.answer.op === 'invalid') continue
      expect({ request, answer: effect.answer }).toEqual({
        request,
        answer: this.dumb.answer(request, atMs, revision, this.nowMs),
      })
      this.learn(request, effect)
    }
  }

  private learn(request: ClaimRequest, { answer }: Extract<WitnessEffect, { type: 'answer' }>): void {
    const name = answer.op === 'refused' ? `refused by ${answer.by}` : answer.op
    this.met.set(name, (this.met.get(name) ?? 0) + 1)
    if (answer.op === 'carried' && answer.found !== null) this.seen.set(answer.found.claim.vm, answer.found)
    if (answer.op === 'stored' && request.op === 'cas')
      this.seen.set(request.next.vm, { revision: answer.revision, claim: request.next })
    if (request.op !== 'read' || answer.op !== 'read') return
    if (answer.found === null) this.seen.delete(request.vm)
    else this.seen.set(request.vm, answer.found)
  }

  private neverAsked(from: number): never {
    throw new Error(`request ${from} was answered twice, or never asked`)
  }

  private live(): ClaimRecord[] {
    const last = new Map(this.disk.map((record) => [record.kind === 'stored' ? record.claim.vm : record.vm, record]))
    return [...last.values()].filter(({ kind }) => kind === 'stored')
  }

  /** Some of what was under way had reached the disk; nobody was told. */
  private restart(): void {
    const durable = this.unwritten.slice(0, this.dice.below(this.unwritten.length + 1))
    this.disk.push(...durable)
    for (const record of durable) {
      if (record.kind === 'stored') this.dumb.store(record.claim.vm, record.revision, record.claim)
      else this.dumb.store(record.vm, record.revision, null)
    }
    this.unwritten = []
    this.asked = new Map()
    this.witness = new Witness()
    this.highest = this.disk.at(-1)?.revision ?? 0
    this.witness.apply({ type: 'restarted', records: this.live(), revision: this.highest, nowMs: this.nowMs })
    this.dumb.restart(this.nowMs)
  }
}

test.each(Array.from({ length: 20 }, (_, index) => index + 1))('seed %i: the witness answers as the dumb one', (seed) => {
  const run = new Run(seed)
  for (let turn = 0; turn < 1500; turn += 1) run.turn()
  for (const kind of ['read', 'stored', 'renewed', 'not-renewed', 'refused by revision', 'refused by lease', 'carried']) {
    expect({ kind, met: (run.met.get(kind) ?? 0) > 3 }).toEqual({ kind, met: true })
  }
})

import type { Claim, StoredClaim } from '../../../../lib/core/domain/claim'
import type { ClaimRecord } from '../../../../lib/core/domain/claim-record'
import type { ClaimAnswer, ClaimRequest } from '../../../../lib/core/domain/claim-request'
import { hostUuid, type HostUuid, vmUuid, volumeKey } from '../../../../lib/core/domain/ids'
import { Witness } from '../../../../lib/core/witness/witness'
import { type CasAnswer, type WitnessPort, WitnessUnreachable } from '../../../../lib/ports/witness'
import { Dice } from '../../../world/prng'
import { Schedule } from '../../../world/schedule'
import type { Process } from '../../../simulation/pool/process'
import { PairHost } from './pair-host'

export const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')
export const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
export const POOL = 'pool'
const HOSTS = ['a', 'b'].map((letter) => hostUuid(`${letter.repeat(8)}-0000-4000-8000-000000000001`))
export const LEASE_MS = 1500
const ANSWER_WITHIN_MS = 400

/** A witness process: what it has stored survives it. */
export class WorldWitness {
  isUp = true
  readonly cutFrom = new Set<HostUuid>()
  #records = new Map<string, ClaimRecord>()
  #revision = 0
  #machine = new Witness()
  #asked = 0
  readonly #answers = new Map<number, (answer: ClaimAnswer) => void>()

  constructor(
    readonly name: string,
    private readonly world: PairWorld,
  ) {
    this.restart()
  }

  get stored(): StoredClaim | null {
    const answer = this.#ask({ op: 'read', vm: VM })
    return answer?.op === 'read' ? answer.found : null
  }

  restart(): void {
    this.#machine = new Witness()
    const nowMs = this.world.schedule.now
    this.#machine.apply({ type: 'restarted', records: [...this.#records.values()], revision: this.#revision, nowMs })
  }

  hears(host: HostUuid): boolean {
    return this.isUp && !this.cutFrom.has(host)
  }

  handle(request: ClaimRequest): ClaimAnswer {
    const answer = this.#ask(request)
    if (answer === null) throw new Error('answered at once')
    return answer
  }

  #ask(request: ClaimRequest): ClaimAnswer | null {
    const from = ++this.#asked
    let given: ClaimAnswer | null = null
    this.#answers.set(from, (answer) => (given = answer))
    const nowMs = this.world.schedule.now
    const run = (effects: ReturnType<Witness['apply']>): void => {
      for (const effect of effects) {
        if (effect.type === 'answer') this.#answers.get(effect.to)?.(effect.answer)
        else {
          this.#records.set(VM, effect.record)
          this.#revision = effect.record.revision
          run(this.#machine.apply({ type: 'persisted', revision: effect.record.revision, nowMs }))
        }
      }
    }
    run(this.#machine.apply({ type: 'request', from, pool: POOL, request, nowMs }))
    this.#answers.delete(from)
    return given
  }

  /** A port of one process; what it asks later overtakes what it asked before. */
  portOf(host: PairHost, process: Process): WitnessPort {
    const { schedule, dice } = this.world
    let asked = 0
    let known: string | null = null
    const ask = (request: ClaimRequest): Promise<ClaimAnswer> =>
      new Promise((resolve, reject) => {
        const number = ++asked
        let isOpen = true
        const end = (act: () => void): void => {
          if (isOpen) act()
          isOpen = false
        }
        schedule.after(ANSWER_WITHIN_MS, () => end(() => reject(new WitnessUnreachable('silent'))), process.life)
        // Lost, late, or answered too late.
        const lateMs = dice.chance(this.world.lossy) ? dice.below(3000) : 0
        if (dice.chance(this.world.lossy)) return
        schedule.after(1 + dice.below(15) + lateMs, () => {
          if (!this.hears(host.uuid) || number < (this.world.lastHeard(this.name, host.uuid, process) ?? 0)) return
          this.world.heard(this.name, host.uuid, process, number)
          const answer = this.handle(request)
          if (dice.chance(this.world.lossy)) return
          schedule.after(1 + dice.below(15), () => end(() => resolve(answer)), process.life)
        })
      })
    const cas = (answer: ClaimAnswer): CasAnswer => {
      if (answer.op === 'stored') return { stored: true, revision: answer.revision }
      if (answer.op === 'refused')
        return { stored: false, why: answer.by, current: answer.current, leaseLeftMs: answer.leaseLeftMs }
      throw new Error(`a rule was broken: ${JSON.stringify(answer)}`)
    }
    const whole = <O extends ClaimAnswer['op']>(answer: ClaimAnswer, op: O): Extract<ClaimAnswer, { op: O }> => {
      if (answer.op !== op) throw new Error(`a rule was broken: ${JSON.stringify(answer)}`)
      return answer as Extract<ClaimAnswer, { op: O }>
    }
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the port's getters are its own
    const witness = this
    return {
      // It tells its name as soon as there is a connection.
      get id() {
        if (witness.hears(host.uuid)) known = witness.name
        return known
      },
      get reachable() {
        return witness.hears(host.uuid)
      },
      read: async (vm) => whole(await ask({ op: 'read', vm: vmUuid(vm) }), 'read').found,
      compareAndSwap: async (expected, next, options) =>
        cas(await ask({ op: 'cas', expected, next, requireLeaseOver: false, ...options })),
      renew: async (vm, term, holder) => {
        const answer = await ask({ op: 'renew', vm: vmUuid(vm), term, holder: hostUuid(holder) })
        return answer.op === 'renewed' ? { renewed: true } : { renewed: false, current: whole(answer, 'not-renewed').current }
      },
      remove: async ({ revision, claim }) => cas(await ask({ op: 'remove', vm: claim.vm, expected: revision })),
      carry: async (next) => whole(await ask({ op: 'carry', next }), 'carried').found,
      close: () => undefined,
    }
  }
}

/** Two hosts, two witnesses, one VM with a guest that writes; and an outside that knows what the guest was told. */
export class PairWorld {
  readonly schedule = new Schedule()
  readonly dice: Dice
  readonly witnesses: readonly [WorldWitness, WorldWitness]
  readonly hosts: readonly [PairHost, PairHost]
  readonly seen = new Map<string, number>()
  /** The hosts hear each other. */
  isLinked = true
  lossy = 0.02
  isCalm = false
  /** Numbers of the writes that the guest saw acknowledged, and the last of them. */
  readonly acknowledged: number[] = []
  lastWrite = 0
  readonly #heard = new Map<string, { process: Process; number: number }>()

  constructor(seed: number) {
    this.dice = new Dice(seed)
    this.witnesses = [new WorldWitness('p', this), new WorldWitness('q', this)]
    const [a, b] = HOSTS as [HostUuid, HostUuid]
    const claim: Claim = { vm: VM, term: 1, holder: a, leaseMs: LEASE_MS, upToDate: { [DISK]: [a] }, lockstep: null }
    this.witnesses[0].handle({ op: 'cas', expected: 0, next: claim, requireLeaseOver: false })
    this.hosts = [new PairHost(a, this), new PairHost(b, this)]
    for (const host of this.hosts) host.boot()
  }

  other(host: PairHost): PairHost {
    return host === this.hosts[0] ? this.hosts[1] : this.hosts[0]
  }

  count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  /** A question of an ended process may come late; one of its successor ends that. */
  lastHeard(witness: string, host: HostUuid, process: Process): number | null {
    const last = this.#heard.get(`${witness} ${host}`)
    if (last === undefined || last.process === process) return last?.number ?? null
    return process.life.alive ? null : Infinity
  }

  heard(witness: string, host: HostUuid, process: Process, number: number): void {
    this.#heard.set(`${witness} ${host}`, { process, number })
  }

  /** The guest of `by` is told that its write is safe. */
  told(by: PairHost, write: number): void {
    if (this.other(by).mayAnswer()) throw new Error(`${by.uuid} answers, and the other may as well`)
    this.acknowledged.push(write)
  }

  /** Whoever may answer has everything that was acknowledged. */
  judge(by: PairHost): void {
    const last = this.acknowledged.at(-1)
    if (last !== undefined && !by.disk.has(last)) throw new Error(`${by.uuid} lacks write ${last}`)
  }

  judgeWhole(by: PairHost): void {
    const lost = this.acknowledged.find((write) => !by.disk.has(write))
    if (lost !== undefined) throw new Error(`${by.uuid} serves, and lacks write ${lost}`)
  }

  /** Until that moment; what was settled is heard before the next thing happens. */
  async run(untilMs: number): Promise<void> {
    while (this.schedule.now < untilMs && this.schedule.step()) await new Promise((resolve) => setImmediate(resolve))
  }

  get deciding(): Claim | null {
    const records = this.witnesses.flatMap(({ stored }) => (stored === null ? [] : [stored.claim]))
    return records.sort((x, y) => (y.decided?.generation ?? 0) - (x.decided?.generation ?? 0))[0] ?? null
  }
}

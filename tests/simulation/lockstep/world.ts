import type { Timers } from '../../../lib/ports/timers'
import { Dice } from '../../world/prng'
import { Broken } from '../mirror/broken'
import { CELLS, Guest, History, type Memory } from './guest'
import { Judge } from './judge'
import { Link, type Down, type Up } from './link'
import { Machine, type Client } from './machine'
import { stepOf } from './memory'
import { PrimarySide } from './primary'
import { SecondarySide } from './secondary'
import { Strikes, type Failing, type Strike, type Trouble } from './strikes'
import { Taking } from './taking'
import { Toolstack } from './toolstack'
import { Witness, type Claim } from './witness'

/** Pauses are given up after 60 ms, and what is asked of the monitor takes some, too. */
const STANDS_MAX_MS = 400

/** What goes wrong at one moment: the first, the second, ... of a worker's talking to anything. */
export interface Plan {
  readonly at: number
  /** `fail`: what it asks for just then. */
  readonly what: Strike | 'fail'
}

interface Waiting {
  readonly client: Client
  readonly atMs: number
  readonly act: () => void
}

export interface WorldOptions {
  readonly seed: number
  /** Null: what goes wrong is by chance, of these kinds. */
  readonly plan: Plan | null
  readonly trouble: readonly Trouble[]
  readonly say: ((line: string) => void) | null
}

/** One guest, two hosts with the real drivers, a witness, and what befalls them. Every turn something happens that may happen then. */
export class World {
  readonly dice: Dice
  readonly history = new History()
  readonly judge = new Judge(this.history)
  readonly witness = new Witness()
  readonly link = new Link()
  readonly toolstack = new Toolstack(this)
  readonly strikes: Strikes
  /** How often each thing happened. */
  readonly seen = new Map<string, number>()
  nowMs = 0
  moments = 0
  /** While it is false nothing goes wrong any more. */
  isTroubled: boolean
  /** Those that believe to hold the claim; the latest counts. */
  primaries: PrimarySide[] = []
  secondary: SecondarySide | null
  /** The secondary's disk lacks something. */
  isUnfit = false
  readonly dead = new Set<number>()
  /** How much a secondary prefers its disk to its memory. */
  readonly diskFirst: number
  /** Of what fills its standby. */
  readonly standbyPace: number
  /** A guest's memory as it was captured at a step, each time. */
  readonly #captured = new Map<number, Buffer[]>()
  readonly #disks = [0, 1].map(() => new Array<number>(CELLS).fill(0))
  readonly #witnessPace: number
  #silentUntilMs = 0
  #broken: Broken | null = null
  #runs = 0
  #standsSinceMs: number | null = null
  #waiting: Waiting[] = []

  constructor(private readonly options: WorldOptions) {
    const { seed, plan, trouble } = options
    this.dice = new Dice(seed)
    this.isTroubled = plan === null
    this.strikes = new Strikes(this, trouble)
    this.#witnessPace = plan === null ? this.dice.of([1, 0.3, 0.1]) : 1
    this.diskFirst = this.dice.of([0.3, 0.6, 0.95])
    this.standbyPace = plan === null ? this.dice.of([1, 0.4, 0.1]) : 1
    this.startAnew(0, 1)
    this.secondary = new SecondarySide(this, 1)
  }

  /** The one that the claim means, if it lives. */
  get primary(): PrimarySide | undefined {
    return this.primaries.find(({ host, term }) => host === this.witness.claim.holder && term === this.witness.claim.term)
  }

  met(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
    this.say(() => what)
  }

  say(line: () => string): void {
    this.options.say?.(`${this.nowMs.toFixed(0).padStart(6)} ${line()}`)
  }

  fault(what: Failing, probability: number): boolean {
    return this.isTroubled && this.options.trouble.includes(what) && this.dice.chance(probability)
  }

  /** Told within a driver's promise, too, where an error would be the driver's. */
  breaks(invariant: string, detail: string): void {
    this.#broken ??= new Broken(invariant, detail)
  }

  sees<T>(look: () => T): T {
    try {
      return look()
    } catch (error) {
      if (error instanceof Broken) this.#broken ??= error
      throw error
    }
  }

  /** A worker says or hears something. True: this once it is that it failed. */
  moment(client: Client, what: string): boolean {
    if (!client.alive) return false
    this.say(() => what)
    const { plan } = this.options
    if (++this.moments !== plan?.at) return false
    this.met(`${plan.what} at: ${what}`)
    if (plan.what === 'fail') return true
    this.strikes.befall(plan.what)
    return false
  }

  newRun(): number {
    return ++this.#runs
  }

  timers(client: Client): Timers {
    const after = (ms: number, act: () => void): { stop: () => void } => {
      const waiting = { client, atMs: this.nowMs + ms, act }
      this.#waiting.push(waiting)
      return { stop: () => void (this.#waiting = this.#waiting.filter((each) => each !== waiting)) }
    }
    const never = (): never => {
      throw new Error('nobody asks for it')
    }
    return { after, every: never, pause: never }
  }

  leaves(steps: readonly number[]): void {
    for (const step of steps) {
      this.say(() => `leaves ${step}`)
      this.sees(() => this.judge.leaves(step))
    }
  }

  /** By a guest that goes on from the state of step `state`. */
  repeats(steps: readonly number[], state: number): void {
    if (steps.length > 0) this.met('sent again')
    for (const step of steps) this.sees(() => this.judge.repeats(step, state))
  }

  captures(step: number, memory: Buffer): void {
    this.#captured.set(step, [...(this.#captured.get(step) ?? []), memory])
  }

  /** A standby has the memory of an epoch. */
  filled(memory: Buffer): void {
    const step = stepOf(memory)
    const isKnown = this.#captured.get(step)?.some((captured) => captured.equals(memory))
    if (isKnown !== true) this.breaks('one epoch', `a standby was filled with what the guest never was (${step})`)
  }

  diskOf(host: number): number[] {
    const disk = this.#disks[host]
    if (disk === undefined) throw new Error(`no host ${host}`)
    return disk
  }

  async turn(): Promise<void> {
    const { dice } = this
    this.nowMs += dice.below(2)
    this.#ring()
    this.#watchGuest()
    const primary = this.primaries[dice.below(this.primaries.length)]
    const acts = [
      ...[(): void => primary?.step(), (): void => primary?.step()],
      ...[(): void => primary?.machine.work(), (): void => primary?.machine.work(), (): void => primary?.machine.work()],
      ...[(): void => this.#down(), (): void => this.#down(), (): void => this.#down(), (): void => this.#up()],
      ...[(): void => this.secondary?.work(), (): void => this.secondary?.work(), (): void => this.secondary?.work()],
      ...[(): void => this.#decide(), (): void => this.toolstack.work(), (): void => this.#strike()],
    ]
    dice.of(acts)()
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#broken !== null) throw this.#broken
  }

  #ring(): void {
    const due = this.#waiting.filter(({ atMs }) => atMs <= this.nowMs)
    this.#waiting = this.#waiting.filter(({ atMs }) => atMs > this.nowMs)
    for (const { client, act } of due) if (client.alive) act()
  }

  #strike(): void {
    if (this.isTroubled) this.strikes.strike()
  }

  /** For so long it hears nobody, and what it would have answered is lost. */
  silence(ms: number): void {
    this.#silentUntilMs = this.nowMs + ms
  }

  #decide(): void {
    const { dice, witness } = this
    if (this.isTroubled && !dice.chance(this.#witnessPace)) return
    if (dice.chance(0.5)) witness.answer()
    else if (witness.hear(dice.below(2), this.#fateOfWitness())) this.say(() => `stored ${JSON.stringify(witness.claim)}`)
  }

  #fateOfWitness(): 'heard' | 'lost' | 'answer lost' {
    if (this.isTroubled && this.nowMs < this.#silentUntilMs) return 'lost'
    return this.fault('unheard', 0.15) ? this.dice.of(['lost', 'answer lost', 'answer lost'] as const) : 'heard'
  }

  #watchGuest(): void {
    const { primary } = this
    if (primary?.machine.isPausedByOther === true && (!this.isTroubled || this.dice.chance(0.02)))
      primary.machine.resumedByOther()
    // A machine stands when its writes are done: one that waits for the claim is I/O that is frozen, not a guest that is left.
    const isLeft = primary !== undefined && !primary.guest.running && !primary.machine.isPausedByOther && !primary.waitsForWitness
    if (!isLeft) this.#standsSinceMs = null
    else this.#standsSinceMs ??= this.nowMs
    if (this.#standsSinceMs !== null && this.nowMs - this.#standsSinceMs > STANDS_MAX_MS)
      this.breaks('guest goes on', `it was left standing: ${primary?.lockstep.life ?? ''}`)
  }

  sendDown(from: PrimarySide, frame: Down): void {
    if (!this.link.isUp || !from.alive || from.session !== this.link.session) return
    this.link.down.push(frame)
    if (frame.type === 'epoch-end') this.link.epoch = frame.epoch
  }

  sendUp(said: Up): void {
    if (this.link.isUp) this.link.up.push(said)
  }

  #down(): void {
    const frame = this.link.down.shift()
    if (frame !== undefined) this.secondary?.hears(frame)
  }

  #up(): void {
    const { dice, link } = this
    const holder = this.primaries.find(({ session }) => session === link.session)
    const said = link.takeUp()
    if (said !== undefined) holder?.hears(said)
    else if (this.isTroubled && dice.chance(0.3)) {
      const late = link.stale[dice.below(link.stale.length)]
      const primary = this.primaries[dice.below(this.primaries.length)]
      if (late === undefined || primary === undefined) return
      // The worst that can be confused: an earlier run, and an epoch that is on its way now.
      const isEarlier = late.run !== primary.lockstep.status.run
      primary.hears(isEarlier && dice.chance(0.5) ? { ...late, epoch: link.epoch } : late)
    }
  }

  connect(primary: PrimarySide, secondary: SecondarySide): void {
    this.link.begin()
    primary.session = this.link.session
    secondary.session()
  }

  /** Whether the claim as it is may be taken, by who asks for it. */
  mayTake(secondary: SecondarySide, claim: Claim): boolean {
    if (this.isUnfit || claim.holder === secondary.host) return false
    const outlook = secondary.outlook(claim.run)
    // Its lease is over, or it is fenced.
    const isGone = this.primaries.length === 0 || this.dead.has(claim.holder)
    return claim.peerListed && (outlook === 'load' || (outlook === 'restart' && isGone))
  }

  takeOver(): void {
    const { secondary, dice } = this
    if (secondary === null || secondary.sealed || !this.mayTake(secondary, this.witness.claim)) return
    const isGone = this.primaries.length === 0 || this.dead.has(this.witness.claim.holder)
    if (isGone || dice.chance(this.isTroubled ? 0.5 : 0)) new Taking(this, secondary)
  }

  /** On this host, from its disk. */
  startAnew(host: number, term: number): void {
    const disk = this.diskOf(host)
    const guest = new Guest(this.history.step(0), disk)
    this.sees(() => this.judge.startsAnew(guest, disk))
    this.primaries = this.primaries.filter((primary) => primary.host !== host)
    this.primaries.push(new PrimarySide(this, host, term, new Machine(this, guest), true))
  }

  loaded(host: number, ram: Memory, device: number): void {
    const disk = this.diskOf(host)
    const guest = new Guest(ram.step, disk)
    this.met(this.seen.has('loaded') ? 'loaded again' : 'loaded')
    this.sees(() => this.judge.goesOn(guest, ram, device, disk))
    this.#succeed()
    this.primaries.push(new PrimarySide(this, host, this.witness.claim.term, new Machine(this, guest), true))
  }

  restarted(host: number): void {
    this.met('restarted')
    this.#succeed()
    this.startAnew(host, this.witness.claim.term)
  }

  #succeed(): void {
    this.link.lose()
    if (this.secondary !== null) this.secondary.alive = false
    this.secondary = null
    // A former primary that lives may go on sending what was acknowledged, until it learns.
    if (!this.primaries.some(({ alive }) => alive)) this.primaries = []
  }

  /** A primary whose term is spent: its host is to be the peer. */
  destroyed(primary: PrimarySide): void {
    primary.alive = false
    primary.machine.gone = true
    this.primaries = this.primaries.filter((each) => each !== primary)
    this.met('destroyed')
    this.dead.add(primary.host)
  }

  /** A primary's, after one that died. */
  startWorker({ host, term, machine }: PrimarySide): void {
    const next = new PrimarySide(this, host, term, machine, false)
    this.primaries.push(next)
    next.rewrite()
  }

  renewSecondary(): void {
    if (this.secondary === null) return
    this.secondary.alive = false
    this.secondary = new SecondarySide(this, this.secondary.host)
  }

  /** The conversation between the hosts. */
  lose(): void {
    if (!this.link.isUp) return
    const holder = this.primaries.find(({ session }) => session === this.link.session)
    this.link.lose()
    holder?.peerLost()
  }
}

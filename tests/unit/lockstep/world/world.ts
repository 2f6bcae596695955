import type { Timers } from '../../../../lib/ports/timers'
import { Dice } from '../../../world/prng'
import { CELLS, Guest, History, type Memory } from '../../checkpoint/world/guest'
import { Broken, Judge } from '../../checkpoint/world/judge'
import { Witness } from '../../checkpoint/world/witness'
import { Link, type Up } from './link'
import { Machine, type Client } from './machine'
import { stepOf } from './memory'
import { PrimarySide } from './primary-side'
import { SecondarySide } from './secondary-side'
import { Strikes, type Strike } from './strikes'

/** Pauses are given up after 60 ms, and what is asked of the monitor takes some, too; a slow witness may hold a write for longer. */
const STANDS_MAX_MS = 400

/** What goes wrong at one moment: the first, the second, ... of a worker's talking to anything. */
export interface Plan {
  readonly at: number
  readonly what: Strike
}

interface Waiting {
  readonly client: Client
  readonly atMs: number
  readonly act: () => void
}

/** One guest, two hosts with the real drivers, a witness, and what befalls them. Every turn something happens that may happen then. */
export class World {
  readonly dice: Dice
  readonly history = new History()
  readonly judge = new Judge(this.history)
  readonly witness = new Witness()
  readonly link = new Link()
  /** How often each thing happened. */
  readonly seen = new Map<string, number>()
  nowMs = 0
  moments = 0
  /** A guest's memory as it was last captured at a step. */
  readonly captured = new Map<number, Buffer>()
  #broken = ''
  /** While it is false nothing goes wrong any more. */
  isTroubled: boolean
  /** Those that believe to hold the claim; the latest counts. */
  primaries: PrimarySide[] = []
  secondary: SecondarySide | null
  /** The secondary's disk lacks something. */
  isUnfit = false
  readonly #disks = [0, 1].map(() => new Array<number>(CELLS).fill(0))
  readonly dead = new Set<number>()
  #runs = 0
  #isAsking = false
  readonly #strikes = new Strikes(this)
  #standsSinceMs: number | null = null
  #waiting: Waiting[] = []
  readonly #witnessPace: number
  /** How much a secondary prefers its disk to its memory. */
  readonly diskFirst: number

  /** Null: what goes wrong is by chance. */
  constructor(
    seed: number,
    private readonly plan: Plan | null,
  ) {
    this.dice = new Dice(seed)
    this.isTroubled = plan === null
    this.#witnessPace = plan === null ? this.dice.of([1, 0.3, 0.1]) : 1
    this.diskFirst = this.dice.of([0.3, 0.6, 0.95])
    const guest = new Guest(this.history.step(0), this.diskOf(0))
    this.judge.startsAnew(guest, this.diskOf(0))
    this.primaries.push(new PrimarySide(this, 0, 1, new Machine(this, guest), true))
    this.secondary = new SecondarySide(this, 1)
  }

  /** The one that the claim means, if it lives. */
  get primary(): PrimarySide | undefined {
    return this.primaries.find(({ host, term }) => host === this.witness.claim.holder && term === this.witness.claim.term)
  }

  met(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  fault(probability: number): boolean {
    return this.isTroubled && this.dice.chance(probability)
  }

  /** A worker says or hears something. True: this once it is that it failed. */
  moment(client: Client, what: string): boolean {
    if (!client.alive || ++this.moments !== this.plan?.at) return false
    this.met(`${this.plan.what} at: ${what}`)
    if (this.plan.what === 'fail') return true
    this.#strikes.befall(this.plan.what)
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
    for (const step of steps) this.judge.leaves(step)
  }

  /** A standby has the memory of an epoch. */
  filled(memory: Buffer): void {
    const step = stepOf(memory)
    if (this.captured.get(step)?.equals(memory) !== true)
      this.#broken ||= `a standby was filled with what the guest never was (${step})`
  }

  sendUp(said: Up): void {
    if (this.link.isUp) this.link.up.push(said)
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
      ...[(): void => this.#decide(), (): void => this.#repair(), (): void => this.#strikes.strike()],
    ]
    dice.of(acts)()
    if (this.#broken !== '') throw new Broken(this.#broken)
    await new Promise((resolve) => setImmediate(resolve))
  }

  #ring(): void {
    const due = this.#waiting.filter(({ atMs }) => atMs <= this.nowMs)
    this.#waiting = this.#waiting.filter(({ atMs }) => atMs > this.nowMs)
    for (const { client, act } of due) if (client.alive) act()
  }

  #decide(): void {
    if (this.isTroubled && !this.dice.chance(this.#witnessPace)) return
    if (this.dice.chance(0.5)) this.witness.store(this.dice.below(2))
    else this.witness.answer()
  }

  #watchGuest(): void {
    const { primary } = this
    if (primary?.machine.isPausedByOther === true && (!this.isTroubled || this.dice.chance(0.02)))
      primary.machine.resumedByOther()
    if (primary === undefined || primary.guest.running || primary.machine.isPausedByOther) this.#standsSinceMs = null
    else this.#standsSinceMs ??= this.nowMs
    if (this.#standsSinceMs !== null && this.nowMs - this.#standsSinceMs > STANDS_MAX_MS)
      throw new Broken('the guest was left standing')
  }

  #down(): void {
    const frame = this.link.down.shift()
    if (frame !== undefined) this.secondary?.hears(frame)
  }

  #up(): void {
    const { dice, link } = this
    const holder = this.primaries.find(({ session }) => session === link.session)
    const said = link.up.shift()
    if (said !== undefined) holder?.hears(said)
    else if (this.isTroubled && dice.chance(0.3)) {
      const late = link.stale[dice.below(link.stale.length)]
      const primary = this.primaries[dice.below(this.primaries.length)]
      if (late !== undefined && primary !== undefined) primary.hears(late)
    }
  }

  /** What a healthy pair does by itself, bit by bit. */
  #repair(): void {
    const { primary, link, secondary } = this
    if (this.dead.size > 0) this.#comeBack()
    this.#learn()
    if (primary === undefined || secondary === null || secondary.sealed) {
      this.takeOver()
      return
    }
    if (!link.isUp) {
      if (this.dice.chance(0.3) && !this.dead.has(primary.host) && primary.isSettled) this.#connect(primary, secondary)
      this.takeOver()
      return
    }
    if (!primary.isSettled || primary.session !== link.session || primary.lockstep.life !== 'alone') return
    if (primary.isListed) void primary.begin()
    else if (primary.resyncSeq === 0) primary.resync()
  }

  #connect(primary: PrimarySide, secondary: SecondarySide): void {
    this.link.begin()
    primary.session = this.link.session
    secondary.lockstep.session()
  }

  /** A holder looks at the witness now and then, and finds its term spent. */
  #learn(): void {
    for (const primary of [...this.primaries])
      if (primary.term < this.witness.claim.term && this.dice.chance(0.2)) primary.lockstep.spent()
  }

  /** A host that was dead is there again: as the peer of one that took over, or with its own guest anew. */
  #comeBack(): void {
    const { claim } = this.witness
    for (const host of this.dead) {
      if (this.dice.chance(0.7) && this.isTroubled) continue
      if (this.primaries.some((primary) => primary.host !== host && primary.term === claim.term)) {
        this.dead.delete(host)
        if (this.secondary === null) this.secondary = new SecondarySide(this, host)
      } else if (claim.holder === host && !this.#isAsking && this.dice.chance(0.2)) this.#coldStart(host)
    }
  }

  #coldStart(host: number): void {
    this.#isAsking = true
    const { revision, term } = this.witness.claim
    this.witness.ask(
      host,
      (claim) => (claim.revision === revision ? { run: null, peerListed: false } : null),
      (stored) => {
        this.#isAsking = false
        if (stored === null) return
        this.dead.delete(host)
        this.met('cold start')
        this.lose()
        this.#startAnew(host, term)
      },
    )
  }

  #startAnew(host: number, term: number): void {
    const disk = this.diskOf(host)
    const guest = new Guest(this.history.step(0), disk)
    this.judge.startsAnew(guest, disk)
    this.primaries = this.primaries.filter((primary) => primary.host !== host)
    this.primaries.push(new PrimarySide(this, host, term, new Machine(this, guest), true))
  }

  takeOver(): void {
    const { secondary, witness, dice } = this
    if (secondary === null || this.#isAsking || secondary.sealed || this.isUnfit) return
    const isGone = this.primaries.length === 0 || this.dead.has(witness.claim.holder)
    const { outlook } = secondary
    const { claim } = witness
    if (outlook === 'cannot' || claim.holder === secondary.host) return
    if (outlook === 'restart' && !(isGone && claim.peerListed)) return
    if (!isGone && !dice.chance(this.isTroubled ? 0.5 : 0)) return
    this.#ask(secondary)
  }

  #ask(secondary: SecondarySide): void {
    const expected = this.witness.claim
    secondary.sealed = true
    secondary.lockstep.seal()
    this.#isAsking = true
    this.witness.ask(
      secondary.host,
      ({ revision }) =>
        revision === expected.revision ? { term: expected.term + 1, holder: secondary.host, peerListed: false, run: null } : null,
      (stored) => {
        this.#isAsking = false
        if (!secondary.alive) return
        if (stored === null) {
          secondary.sealed = false
          secondary.lockstep.unseal()
        } else {
          this.met('taken over')
          void secondary.takeOver(expected.run)
        }
      },
    )
  }

  loaded(secondary: SecondarySide, ram: Memory, device: number): void {
    const disk = this.diskOf(secondary.host)
    const guest = new Guest(ram.step, disk)
    this.met('loaded')
    this.judge.goesOn(guest, ram, device, disk)
    this.#succeed(secondary)
    this.primaries.push(new PrimarySide(this, secondary.host, this.witness.claim.term, new Machine(this, guest), true))
  }

  restarted(secondary: SecondarySide): void {
    this.met('restarted')
    this.#succeed(secondary)
    this.#startAnew(secondary.host, this.witness.claim.term)
  }

  #succeed(secondary: SecondarySide): void {
    this.link.lose()
    secondary.alive = false
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

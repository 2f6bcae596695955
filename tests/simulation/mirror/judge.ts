import { Broken } from './broken'
import { must } from './must'
import type { Claim } from '../../../lib/core/domain/claim'
import { CopyJudge } from './judge-copies'
import { DamageJudge } from './judge-damage'
import { KeptJudge } from './judge-kept'
import type { JudgedWorld } from './judged-world'
import { HOSTS, type HostName, UUIDS, VOLUME } from './names'

interface Change {
  readonly first: number
  readonly count: number
  readonly zero: boolean
}

interface Acknowledged {
  readonly version: number
  readonly change: Change
  /** Number of the acknowledgement. */
  readonly at: number
  /** The only replica was on another machine, whose loss is not the guest's. */
  readonly elsewhere: boolean
}

/**
 * Knows what the guest was told, what faults there were and what the witness has stored, and nothing of any machine. A cell's
 * versions are numbered in the order in which the guest asked for them, which is the order in which they must come to be.
 */
export class Judge {
  readonly copies: CopyJudge
  readonly kept: KeptJudge
  readonly damage: DamageJudge
  /** Per cell: newest version acknowledged, newest one seen by a read, newest one that a loss of power must leave. */
  readonly #acknowledged: Int32Array
  #seen: Int32Array
  readonly #flushed: Int32Array
  readonly #zeroes = new Map<number, number[]>()
  readonly #changes = new Map<number, Change>()
  #unflushed: Acknowledged[] = []
  #acknowledgements = 0
  #lastVersion = 0
  #guest = { number: 0, host: '' as HostName | '' }
  #answered = 0
  #endedWell = true
  #listed: readonly HostName[] = []
  /** Changes that only one replica has. */
  acknowledgedAlone = 0
  found: { readonly first: number; readonly last: number }[] = []
  verdict: string | null = null

  constructor(private readonly world: JudgedWorld) {
    const { cells } = world.plan
    this.#acknowledged = new Int32Array(cells)
    this.#seen = new Int32Array(cells)
    this.#flushed = new Int32Array(cells)
    this.copies = new CopyJudge(world)
    this.kept = new KeptJudge(world)
    this.damage = new DamageJudge(world, {
      listed: () => this.#listed,
      guestHost: () => this.#guest.host,
      excuses: () => this.#collapse('flushed'),
    })
  }

  // --- what the guest asks and is told --------------------------------------------------------------------------------------

  guestStarts(number: number, host: HostName): void {
    // What the one before has seen and was never told to be there died with it.
    if (!this.#endedWell) this.#collapse('acknowledged')
    this.#endedWell = false
    this.#guest = { number, host }
    this.damage.owesNothing()
  }

  guestEndsWell(): void {
    this.#endedWell = true
  }

  answers(number: number): void {
    if (number < this.#answered) throw new Broken('two holders', `guest ${number} is answered after guest ${this.#answered}`)
    this.#answered = number
  }

  readBegins(first: number, count: number): (cells: Int32Array) => void {
    const floor = new Int32Array(count)
    for (let index = 0; index < count; index++) floor[index] = this.#floor(first + index)
    return (cells) => {
      if (cells.length !== count) throw new Broken('read answered', `${count} cells were asked for, ${cells.length} came`)
      // What was excused meanwhile is.
      cells.forEach((value, index) => this.#read(first + index, value, Math.min(floor[index] ?? 0, this.#floor(first + index))))
    }
  }

  changeBegins(
    first: number,
    count: number,
    zero: boolean,
    fua: boolean,
  ): { version: number; acknowledged: (error: string) => void } {
    const version = ++this.#lastVersion
    const change = { first, count, zero }
    this.#changes.set(version, change)
    if (zero) {
      for (let cell = first; cell < first + count; cell++) {
        const zeroes = this.#zeroes.get(cell)
        if (zeroes === undefined) this.#zeroes.set(cell, [version])
        else zeroes.push(version)
      }
    }
    return {
      version,
      acknowledged: (error) => {
        if (error !== '') {
          this.damage.owesNothing()
          return
        }
        raise(this.#acknowledged, change, version)
        if (this.#listed.length === 1) this.acknowledgedAlone++
        const elsewhere = this.#listed.length === 1 && this.#listed[0] !== this.#guest.host
        if (fua) raise(this.#flushed, change, version)
        else this.#unflushed.push({ version, change, at: ++this.#acknowledgements, elsewhere })
        // What was done before may be told while both faults last.
        this.damage.perhapsExcused()
      },
    }
  }

  flushBegins(): (error: string) => void {
    const upTo = this.#acknowledgements
    const owedBefore = this.damage.owesError()
    return (error) => {
      if (error !== '') {
        this.damage.owesNothing()
        return
      }
      // One that was asked before may have been done before.
      if (owedBefore && this.damage.owesError())
        throw new Broken('failed flush told', 'a flush succeeds after a device lost what it was to keep')
      const rest = this.#unflushed.findIndex(({ at }) => at > upTo)
      const flushed = this.#unflushed.splice(0, rest < 0 ? this.#unflushed.length : rest)
      for (const { change, version } of flushed) raise(this.#flushed, change, version)
    }
  }

  #floor(cell: number): number {
    return Math.max(this.#acknowledged[cell] ?? 0, this.#seen[cell] ?? 0)
  }

  #read(cell: number, value: number, floor: number): void {
    const version = value === 0 ? this.#zeroVersion(cell, floor) : value
    const of = this.#changes.get(version)
    if (version !== 0 && (of === undefined || cell < of.first || cell >= of.first + of.count))
      throw new Broken('read allowed', `cell ${cell} holds ${value}, which nobody wrote there`)
    if (version < floor) throw new Broken('read allowed', `cell ${cell} reads as version ${value}, and ${floor} was there before`)
    if (version > (this.#acknowledged[cell] ?? 0) && this.#guest.host !== '') this.world.onMoment('unsure-read', this.#guest.host)
    this.#seen[cell] = Math.max(version, this.#seen[cell] ?? 0)
  }

  /** The oldest version of zeroes that may be there; less than the floor when there is none. */
  #zeroVersion(cell: number, floor: number): number {
    if (floor === 0) return 0
    return this.#zeroes.get(cell)?.find((version) => version >= floor) ?? 0
  }

  // --- faults -----------------------------------------------------------------------------------------------------------------

  stored({ upToDate }: Claim): void {
    const hosts = must(upToDate[VOLUME], 'the claim lists the volume')
    this.#listed = HOSTS.filter((name) => hosts.includes(UUIDS[name]))
    if (this.#listed.length > 1) this.acknowledgedAlone = 0
    this.damage.listedNow(this.#listed)
  }

  /** The product says what becomes of a replica that lacks so many blocks. */
  noted(host: HostName, { act, rule }: { readonly act: string; readonly rule: string }, blocks: number): void {
    if (act === 'resync-started' || act === 'replica-present') this.copies.begins(host, blocks, rule)
    if (act === 'resync-started') this.damage.resyncBegins(host)
    if (act === 'replica-failed') this.damage.isOut(host)
    if (act === 'replica-joined-claim') this.copies.joined(host)
    if (act === 'replica-joined-claim' || act === 'replica-present') this.damage.isBack(host, rule)
  }

  /** These bytes are not what a guest was told to be kept. */
  lacksFlushed(bytes: Int32Array): boolean {
    return this.#flushed.some((floor, cell) => {
      const value = bytes[cell] ?? 0
      return (value === 0 ? this.#zeroVersion(cell, floor) : value) < floor
    })
  }

  get listed(): readonly HostName[] {
    return this.#listed
  }

  /** What a disk may hold afterwards: anything since. */
  #collapse(to: 'flushed' | 'acknowledged'): void {
    this.#seen = new Int32Array(this.#seen.length)
    if (to === 'acknowledged') return
    for (const { change, version, elsewhere } of this.#unflushed) {
      // While the guest lives, only its own machine's cache may be lost.
      if (elsewhere && !this.damage.lostPower) raise(this.#flushed, change, version)
    }
    for (const { change } of this.#unflushed) {
      for (let cell = change.first; cell < change.first + change.count; cell++)
        this.#acknowledged[cell] = this.#flushed[cell] ?? 0
    }
    this.#unflushed = []
  }

  // --- an operator overrules the witness --------------------------------------------------------------------------------------

  /** From here on the guest lives with what the other host has; what `gone` has is for the operator to give up. */
  forced(gone: HostName): void {
    this.#collapse('flushed')
    this.#acknowledged.fill(0)
    this.#flushed.fill(0)
    this.kept.keep(gone)
  }

  // --- verify -----------------------------------------------------------------------------------------------------------------

  differs(runs: readonly { readonly first: number; readonly last: number }[], repaired: boolean): void {
    this.found.push(...runs)
    this.world.probe(repaired ? 'verify repairs' : 'verify finds a difference')
  }

  verified(why: string): void {
    this.copies.verifying = false
    this.verdict = why
  }

  // --- at the end -------------------------------------------------------------------------------------------------------------

  /** Cells that were ever changed. */
  get touched(): number[] {
    const cells = new Set<number>()
    for (const { first, count } of this.#changes.values()) for (let cell = first; cell < first + count; cell++) cells.add(cell)
    return [...cells].sort((one, two) => one - two)
  }

  replicasAreEqual(): void {
    const [one, two] = HOSTS.map((name) => this.world.hosts[name].store.disk.cache)
    const cell = one?.findIndex((value, index) => value !== two?.[index]) ?? -1
    if (cell >= 0) throw new Broken('replicas equal', `cell ${cell}: a has ${one?.[cell] ?? -1}, b has ${two?.[cell] ?? -1}`)
  }
}

function raise(floors: Int32Array, { first, count }: Change, version: number): void {
  for (let cell = first; cell < first + count; cell++) if ((floors[cell] ?? 0) < version) floors[cell] = version
}

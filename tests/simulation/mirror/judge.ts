import { Broken } from './broken'
import { must } from './must'
import type { Claim } from '../../../lib/core/domain/claim'
import { CopyJudge } from './judge-copies'
import { KeptJudge } from './judge-kept'
import { HOSTS, type HostName, UUIDS, VOLUME } from './names'
import type { World } from './world'

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
  #lostPower: HostName | null = null
  #endedWell = true
  readonly #impaired: Record<HostName, 'no' | 'perhaps' | 'failed' | 'power' | 'device'> = { a: 'no', b: 'no' }
  /** A device lost what it had answered, and the guest was told of no error since. */
  #owesError = false
  #listed: readonly HostName[] = []
  /** Changes that only one replica has. */
  acknowledgedAlone = 0
  found: { readonly first: number; readonly last: number }[] = []
  verdict: string | null = null

  constructor(private readonly world: World) {
    const { cells } = world.plan
    this.#acknowledged = new Int32Array(cells)
    this.#seen = new Int32Array(cells)
    this.#flushed = new Int32Array(cells)
    this.copies = new CopyJudge(world)
    this.kept = new KeptJudge(world)
  }

  // --- what the guest asks and is told --------------------------------------------------------------------------------------

  guestStarts(number: number, host: HostName): void {
    // What the one before has seen and was never told to be there died with it.
    if (!this.#endedWell) this.#collapse('acknowledged')
    this.#endedWell = false
    this.#guest = { number, host }
    this.#owesError = false
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
          this.#owesError = false
          return
        }
        raise(this.#acknowledged, change, version)
        if (this.#listed.length === 1) this.acknowledgedAlone++
        const elsewhere = this.#listed.length === 1 && this.#listed[0] !== this.#guest.host
        if (fua) raise(this.#flushed, change, version)
        else this.#unflushed.push({ version, change, at: ++this.#acknowledgements, elsewhere })
        // What was done before may be told while both faults last.
        this.#perhapsExcused()
      },
    }
  }

  flushBegins(): (error: string) => void {
    const upTo = this.#acknowledgements
    const owedBefore = this.#owesError
    return (error) => {
      if (error !== '') {
        this.#owesError = false
        return
      }
      // One that was asked before may have been done before.
      if (owedBefore && this.#owesError)
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
  }

  get listed(): readonly HostName[] {
    return this.#listed
  }

  /** `lost`: something that had been answered is not there any more. */
  damaged(host: HostName, by: 'power' | 'device', lost: boolean): void {
    if (by === 'power' && this.#guest.host === host) this.#lostPower = host
    if (!lost) {
      this.impaired(host, true)
      return
    }
    this.#impaired[host] = by
    const alone = this.#listed.length === 1 && this.#listed[0] === host
    if (by === 'device' && alone && this.#guest.host === host && this.world.guestLives) this.#owesError = true
    this.#perhapsExcused()
  }

  /** A flush failed, and something that had been answered is not there any more. */
  flushLost(host: HostName, heard: boolean): void {
    this.damaged(host, 'device', true)
    if (!heard) this.killed(host)
  }

  /** Its disk does not answer, or answers errors. `certainly`: the replica has failed of it. */
  impaired(host: HostName, certainly: boolean): void {
    if (this.#impaired[host] === 'no' || this.#impaired[host] === 'perhaps')
      this.#impaired[host] = certainly ? 'failed' : 'perhaps'
    this.#perhapsExcused()
  }

  recovered(host: HostName): void {
    if (this.#impaired[host] === 'perhaps') this.#impaired[host] = 'no'
  }

  /** Nobody but this process knew that its device had lost something. */
  killed(host: HostName): void {
    this.#owesError = false
    if (this.#impaired[host] === 'device' && this.#listed.includes(host)) this.#collapse('flushed')
  }

  /** The product says that this replica is as good as the other one. */
  isBack(host: HostName, rule: string): void {
    // What the guest's machine had cached is gone. Wherever else the disk is served from, nothing is.
    const serves = rule === 'opened' || rule === 'only-copy'
    if (this.#lostPower === host && serves) this.#collapse('flushed')
    // It takes over, and had a fault of its own: the guest starts as after a loss of power.
    if (this.#guest.host !== host && serves && this.#hasLost(host)) this.#collapse('flushed')
    this.#lostPower = null
    this.#impaired[host] = 'no'
  }

  #isImpaired(host: HostName): boolean {
    return this.#impaired[host] !== 'no'
  }

  #hasLost(host: HostName): boolean {
    return this.#impaired[host] === 'power' || this.#impaired[host] === 'device'
  }

  /** Two faults at once: whoever has lost something had nobody to fall back on. */
  #perhapsExcused(): void {
    const impaired = this.#listed.every((host) => this.#isImpaired(host))
    const lost = this.#listed.some((host) => this.#hasLost(host))
    if (!impaired || !lost) return
    this.world.say(() => 'two faults at once: what was not flushed may be lost')
    this.#collapse('flushed')
  }

  /** What a disk may hold afterwards: anything since. */
  #collapse(to: 'flushed' | 'acknowledged'): void {
    this.#seen = new Int32Array(this.#seen.length)
    if (to === 'acknowledged') return
    for (const { change, version, elsewhere } of this.#unflushed) {
      // While the guest lives, only its own machine's cache may be lost.
      if (elsewhere && this.#lostPower === null) raise(this.#flushed, change, version)
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

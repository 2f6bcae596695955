import type { Dice } from './prng'
import type { Life, Schedule } from './schedule'

export type DiskAsk =
  | { readonly kind: 'read'; readonly first: number; readonly count: number }
  | { readonly kind: 'write'; readonly first: number; readonly cells: Int32Array }
  | { readonly kind: 'flush' }

/** `error`: '' or the system's code. */
export type DiskDone = (error: string, cells?: Int32Array) => void

interface Under {
  readonly ask: DiskAsk
  readonly by: Life
  readonly done: DiskDone
  /** Of a flush: what it makes durable. */
  readonly covers: Loose | null
  ended: boolean
}

/** Cells that are in the cache, and their content then. */
type Loose = Map<number, number>

export interface DiskHabits {
  /** Milliseconds. */
  readonly latencyMs: number
  /** How likely a write reaches stable storage by itself. */
  readonly writesBack: number
  /** How likely a cached cell survives a loss of power. */
  readonly keepsCached: number
}

/**
 * A disk with a cache that a loss of power empties, in cells. What is under way when its process is killed may be done whole, in
 * part, later, or never. A failed flush loses some of what it was to keep, and says so once.
 */
export class Disk {
  cache: Int32Array
  durable: Int32Array
  trouble: 'none' | 'reads' | 'writes' | 'all' = 'none'
  hangs = false
  /** A flush failed and took with it what had been answered. `heard`: whoever asked for it lives, and is told. */
  onLost: (heard: boolean) => void = () => undefined
  #loose: Loose = new Map()
  readonly #under = new Set<Under>()
  #hung: Under[] = []
  #quiet: (() => void)[] = []

  constructor(
    readonly cells: number,
    private readonly habits: DiskHabits,
    private readonly dice: Dice,
    private readonly schedule: Schedule,
  ) {
    this.cache = new Int32Array(cells)
    this.durable = new Int32Array(cells)
  }

  ask(ask: DiskAsk, by: Life, done: DiskDone): void {
    const covers = ask.kind === 'flush' ? this.#loose : null
    if (covers !== null) this.#loose = new Map()
    const under: Under = { ask, by, done, covers, ended: false }
    this.#under.add(under)
    this.schedule.after(this.dice.fraction() * this.habits.latencyMs, () => this.#due(under))
  }

  /** Called when nothing is under way any more. */
  whenQuiet(act: () => void): void {
    if (this.#under.size === 0) act()
    else this.#quiet.push(act)
  }

  get isQuiet(): boolean {
    return this.#under.size === 0
  }

  wake(): void {
    this.hangs = false
    for (const under of this.#hung.splice(0)) {
      this.schedule.after(this.dice.fraction() * this.habits.latencyMs, () => this.#due(under))
    }
  }

  /** What a killed process had asked: the kernel may have it all, a part, or none, and may still be at it. */
  killed(by: Life): void {
    for (const under of [...this.#under]) {
      if (under.by !== by || under.ended) continue
      const fate = this.hangs ? 2 : this.dice.below(3)
      if (fate === 2) continue
      if (fate === 1) this.#tear(under)
      this.#isLoose(under)
      this.#end(under)
    }
  }

  /** Answers whether anything was lost that had been answered. */
  powerLost(): boolean {
    for (const under of [...this.#under]) {
      this.#isLoose(under)
      if (this.dice.chance(0.5)) this.#tear(under)
      this.#end(under)
    }
    this.#hung = []
    const lost = this.#lose(this.#loose)
    this.#loose = new Map()
    this.cache = this.durable.slice()
    return lost
  }

  /** Another disk, empty. */
  replace(): void {
    for (const under of [...this.#under]) {
      this.#end(under)
      this.schedule.to(under.by, () => under.done('EIO'))
    }
    this.#hung = []
    this.#loose = new Map()
    this.cache = new Int32Array(this.cells)
    this.durable = new Int32Array(this.cells)
  }

  /** A flush that comes to nothing: what it covered is still only cached. */
  #isLoose({ covers }: Under): void {
    if (covers !== null) for (const cell of covers.keys()) this.#loose.set(cell, this.cache[cell] ?? 0)
  }

  #due(under: Under): void {
    if (under.ended) return
    if (this.hangs) {
      this.#hung.push(under)
      return
    }
    const { ask } = under
    const fails = this.trouble === 'all' || (this.trouble !== 'none' && (this.trouble === 'reads') === (ask.kind === 'read'))
    if (fails) this.#fails(under)
    else if (ask.kind === 'read') this.#answers(under, this.cache.slice(ask.first, ask.first + ask.count))
    else {
      if (ask.kind === 'write') ask.cells.forEach((value, index) => this.#put(ask.first + index, value))
      else this.#keep(under)
      this.#answers(under)
    }
  }

  #answers(under: Under, cells?: Int32Array): void {
    this.#end(under)
    this.schedule.to(under.by, () => under.done('', cells))
  }

  #fails(under: Under): void {
    if (under.ask.kind === 'write' && this.dice.chance(0.5)) this.#tear(under)
    if (under.covers !== null && this.#lose(under.covers)) this.onLost(under.by.alive)
    this.#end(under)
    this.schedule.to(under.by, () => under.done('EIO'))
  }

  #put(cell: number, value: number): void {
    this.cache[cell] = value
    if (this.dice.chance(this.habits.writesBack)) {
      this.durable[cell] = value
      this.#loose.delete(cell)
      // A flush under way must not bring back what was there before.
      for (const { covers } of this.#under) covers?.delete(cell)
    } else this.#loose.set(cell, value)
  }

  /** A flush covers what an earlier one that is still under way covers, too. */
  #keep(flush: Under): void {
    for (const under of this.#under) {
      if (under.covers !== null) {
        for (const [cell, value] of under.covers) this.durable[cell] = value
        under.covers.clear()
      }
      if (under === flush) return
    }
  }

  /** Each of these cells is kept by chance. The cache shows what the disk holds. */
  #lose(loose: Loose): boolean {
    let lost = false
    for (const [cell, value] of loose) {
      if (this.dice.chance(this.habits.keepsCached)) this.durable[cell] = value
      else if (!this.#loose.has(cell) || loose === this.#loose) {
        if (this.durable[cell] !== value) lost = true
        this.cache[cell] = this.durable[cell] ?? 0
      }
    }
    return lost
  }

  /** Some of its cells, in no order. */
  #tear({ ask }: Under): void {
    if (ask.kind === 'write')
      ask.cells.forEach((value, index) => {
        if (this.dice.chance(0.5)) this.#put(ask.first + index, value)
      })
  }

  #end(under: Under): void {
    under.ended = true
    this.#under.delete(under)
    if (this.#under.size === 0) for (const act of this.#quiet.splice(0)) act()
  }
}

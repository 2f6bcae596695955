import { EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import type { VolumeKey } from '../../../lib/core/domain/ids'
import type { DiskReply, DiskRequest } from '../../../lib/ports/disk-export'
import { bufferOf, CELL_BYTES, cellsOf, roomFor } from '../../world/cells'
import { Life } from '../../world/schedule'
import type { Served } from './exports'
import type { Machine } from './machine'
import type { Vm } from './vm'

type Wanted = Omit<DiskRequest, 'connection' | 'durable'>

interface Unanswered {
  readonly request: Wanted
  readonly answered: (error: string, data: Buffer | undefined) => void
}

const EXTENT_CELLS = EXTENT_BYTES / CELL_BYTES
const REST_MS = 400
/** What a guest reads when it starts: it finds out what it has. */
const FIRST_READS = 12
const RECENT = 6
/** A client looks for its disk again so soon. */
const RECONNECT_MS = 40
const OUTPUT_EVERY_MS = 40
const ERRORS: Readonly<Record<number, string>> = { 0: '', 28: 'ENOSPC' }

/** A guest with its disk's client, which sends again to the next worker what was not answered, in order. */
export class Guest {
  readonly life = new Life()
  readonly #unanswered = new Map<number, Unanswered>()
  #lastId = 0
  #served: Served | null = null
  #connection = 0
  #issued = 0
  #where = 0
  #isPaused = false
  #timed = false
  #stopping: (() => void) | null = null

  constructor(
    readonly vm: Vm,
    readonly machine: Machine,
    readonly number: number,
  ) {
    vm.say(() => `guest ${number} starts on ${machine.name}`)
    vm.starts(this)
    this.#next()
    this.#output()
  }

  /** In flight, in cells. */
  get underWay(): { first: number; count: number }[] {
    return [...this.#unanswered.values()].map(({ request }) => ({
      first: request.offset / CELL_BYTES,
      count: Math.ceil(request.length / CELL_BYTES),
    }))
  }

  get isIdle(): boolean {
    return this.#unanswered.size === 0
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  get text(): string {
    return `guest ${this.number} on ${this.machine.name}${this.#isPaused ? ', paused' : ''}, ${this.#unanswered.size} requests wait`
  }

  uses(volume: VolumeKey): boolean {
    return this.vm.volume === volume
  }

  die(why: string): void {
    if (!this.life.alive) return
    this.life.alive = false
    this.vm.say(() => `guest ${this.number} is gone: ${why}`)
    this.machine.guestEnded(this)
  }

  pause(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return
    this.vm.say(() => `guest ${this.number} is ${isPaused ? 'paused' : 'unpaused'}`)
    this.#isPaused = isPaused
    if (!isPaused) this.#next()
  }

  /** The disk is served, or not any more; found out a little later. */
  diskChanged(): void {
    const { schedule, dice } = this.vm.nature
    if (this.machine.exports.find(this.vm.volume) === null) {
      this.#served = null
      return
    }
    schedule.after(dice.fraction() * RECONNECT_MS, () => this.attach(), this.life)
  }

  attach(): void {
    const served = this.machine.exports.find(this.vm.volume)
    if (served === null || served === this.#served) return
    if (this.#connection > 0 && this.#unanswered.size > 0) this.vm.probe('requests sent again')
    this.#served = served
    this.#connection++
    for (const id of [...this.#unanswered.keys()]) this.#send(id)
    this.#next()
  }

  flush(): void {
    this.#issue(this.#flushing())
  }

  /** It flushes all, and halts; false when it did not within that time, and goes on. */
  shutDown(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.vm.nature.schedule.after(withinMs, () => {
        if (this.#stopping === null) return
        this.#stopping = null
        resolve(false)
        this.#next()
      })
      this.#stopping = () => {
        if (!this.life.alive) return
        this.vm.judge.guestEndsWell()
        this.die('it shut down')
        resolve(true)
      }
      this.#perhapsStops()
    })
  }

  #perhapsStops(): void {
    if (this.#stopping === null || !this.isIdle || !this.life.alive) return
    const last = this.#flushing()
    this.#issue({
      request: last.request,
      answered: (error, data) => {
        last.answered(error, data)
        if (error !== '') return
        const stops = this.#stopping
        this.#stopping = null
        stops?.()
      },
    })
  }

  /** All of it must be as it was left. */
  readAll(cells: Iterable<number>): void {
    let first = -1
    let last = -2
    const flush = (): void => {
      if (first >= 0) this.#issue(this.#reading(first, last - first + 1))
    }
    for (const cell of cells) {
      if (cell !== last + 1 || cell - first >= 64) {
        flush()
        first = cell
      }
      last = cell
    }
    flush()
  }

  #output(): void {
    const { schedule, dice } = this.vm.nature
    schedule.after(OUTPUT_EVERY_MS * (0.5 + dice.fraction()), () => this.#output(), this.life)
    if (!this.#isPaused) this.vm.output(this)
  }

  #next(): void {
    const { nature, plan } = this.vm
    this.#perhapsStops()
    if (this.#timed || this.#isPaused || this.vm.isResting || this.#stopping !== null) return
    if (this.#unanswered.size >= plan.guest.depth) return
    this.#timed = true
    const wait = nature.dice.chance(plan.guest.rests) ? REST_MS : nature.dice.fraction() * plan.guest.thinkMs
    nature.schedule.after(
      wait,
      () => {
        this.#timed = false
        if (this.vm.isResting || this.#isPaused || this.#served === null || this.#stopping !== null) return
        this.#issue(this.#draw())
        this.#next()
      },
      this.life,
    )
  }

  #issue({ request, answered }: Unanswered): void {
    const id = ++this.#lastId
    this.#issued++
    this.#unanswered.set(id, { request, answered })
    this.#send(id)
  }

  #send(id: number): void {
    const served = this.#served
    const unanswered = this.#unanswered.get(id)
    if (served === null || unanswered === undefined) return
    const { schedule } = this.vm.nature
    const request: DiskRequest = { ...unanswered.request, durable: false, connection: this.#connection }
    const heard = (reply: DiskReply): void => schedule.after(0, () => this.#answered(id, served, reply), this.life)
    schedule.to(served.process.life, () => served.handler(request, heard))
  }

  #answered(id: number, served: Served, { error, data }: DiskReply): void {
    const unanswered = this.#unanswered.get(id)
    // A client that has another worker by now does not listen to the one before.
    if (this.#served !== served || unanswered === undefined) return
    this.#unanswered.delete(id)
    const code = ERRORS[error] ?? 'EIO'
    this.vm.say(() => `guest ${this.number} gets #${id} ${unanswered.request.kind} ${code === '' ? 'done' : code}`)
    if (unanswered.request.kind === 'read' && this.vm.mayReadStale(this)) this.vm.probe('a stale read where clocks lie')
    else {
      this.vm.answered(this)
      if (code !== '') this.vm.probe('the guest sees an error')
      unanswered.answered(code, data)
    }
    this.#next()
  }

  // --- what it asks -----------------------------------------------------------------------------------------------------------

  #draw(): Unanswered {
    const { nature, plan } = this.vm
    const { dice } = nature
    const { guest, cells } = plan
    if (this.#issued > FIRST_READS && dice.chance(guest.flushes)) return this.#flushing()
    const first = this.#place()
    this.#remember(first)
    const count = Math.min(1 + dice.below(guest.longest), cells - first)
    if (this.#issued < FIRST_READS || dice.chance(guest.reads)) return this.#reading(first, count)
    const fua = dice.chance(guest.fua)
    if (dice.chance(guest.zeroes)) {
      const long = dice.chance(0.03) ? Math.min(EXTENT_CELLS, cells - first) : count
      return this.#zeroing(first, long, fua)
    }
    return this.#writing(first, count, fua)
  }

  #remember(first: number): void {
    if (this.#issued < FIRST_READS) return
    const { recent } = this.vm
    recent.push(first)
    if (recent.length > RECENT) recent.shift()
  }

  #place(): number {
    const { nature, plan, recent } = this.vm
    const { dice } = nature
    const { guest, cells } = plan
    // It looks first at what may have been under way when the one before died, as a file system looks at its journal.
    if (this.#issued < FIRST_READS && recent.length > 0 && dice.chance(0.7)) return dice.of(recent)
    if (guest.spot !== null && dice.chance(0.8)) return Math.min(cells - 1, guest.spot.first + dice.below(guest.spot.count))
    if (dice.chance(guest.again)) {
      const near = this.#where + dice.below(9) - 4
      if (near >= 0 && near < cells) return (this.#where = near)
    }
    this.#where = Math.min(cells - 1, dice.of(guest.extents) * EXTENT_CELLS + dice.below(EXTENT_CELLS))
    return this.#where
  }

  #reading(first: number, count: number): Unanswered {
    const seen = this.vm.judge.readBegins(first, count)
    const length = count * CELL_BYTES
    return {
      request: { kind: 'read', offset: first * CELL_BYTES, length, punch: false, fua: false, room: () => roomFor(length) },
      answered: (error, data) => {
        if (error === '' && data !== undefined) seen(cellsOf(data))
      },
    }
  }

  #writing(first: number, count: number, fua: boolean): Unanswered {
    const { version, acknowledged } = this.vm.judge.changeBegins(first, count, false, fua)
    const data = bufferOf(new Int32Array(count).fill(version))
    return {
      request: { kind: 'write', offset: first * CELL_BYTES, length: data.length, data, punch: false, fua },
      answered: (error) => acknowledged(error),
    }
  }

  #zeroing(first: number, count: number, fua: boolean): Unanswered {
    const { acknowledged } = this.vm.judge.changeBegins(first, count, true, fua)
    return {
      request: { kind: 'zero', offset: first * CELL_BYTES, length: count * CELL_BYTES, punch: false, fua },
      answered: (error) => acknowledged(error),
    }
  }

  #flushing(): Unanswered {
    const flushed = this.vm.judge.flushBegins()
    return {
      request: { kind: 'flush', offset: 0, length: 0, punch: false, fua: false },
      answered: (error) => flushed(error),
    }
  }
}

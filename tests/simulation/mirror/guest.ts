import { EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import type { GuestRequest } from '../../../lib/core/domain/replica-request'
import { bufferOf, CELL_BYTES, cellsOf } from '../../world/cells'
import { Life } from '../../world/schedule'
import type { Host } from './host'
import type { Primary } from './primary'
import type { World } from './world'

interface Unanswered {
  readonly request: GuestRequest
  readonly answered: (error: string, data: Buffer | undefined) => void
}

const EXTENT_CELLS = EXTENT_BYTES / CELL_BYTES
const REST_MS = 400
/** What a guest reads when it starts: it finds out what it has. */
const FIRST_READS = 12
const RECENT = 6

/** A guest and its disk's client, which sends again to the next worker what was not answered, in order. */
export class Guest {
  readonly life = new Life()
  readonly #unanswered = new Map<number, Unanswered>()
  #lastId = 0
  #primary: Primary | null = null
  #issued = 0
  #where = 0
  #stopping: (() => void) | null = null
  #timed = false

  constructor(
    private readonly world: World,
    readonly host: Host,
    readonly number: number,
  ) {
    world.say(() => `guest ${number} starts on ${host.name}`)
    world.judge.guestStarts(number, host.name)
    if (host.other.guest !== null) world.onMoment('two-guests', host.name)
    this.#next()
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

  die(why: string): void {
    if (!this.life.alive) return
    this.life.alive = false
    this.host.guest = null
    if (this.#primary !== null) this.world.leftUnanswered.push({ by: this.#primary, ranges: this.underWay })
    this.world.say(() => `guest ${this.number} is gone: ${why}`)
  }

  /** Ends by itself, everything flushed. */
  stop(stopped: () => void): void {
    this.#stopping = stopped
    this.#perhapsStopped()
  }

  goOn(): void {
    this.#stopping = null
    this.#next()
  }

  /** A worker serves the disk. */
  attach(primary: Primary): void {
    if (this.#primary === primary) return
    if (this.#primary !== null && this.#unanswered.size > 0) this.world.probe('requests sent again')
    this.#primary = primary
    for (const id of [...this.#unanswered.keys()]) this.#send(id)
    this.#next()
  }

  flush(): void {
    this.#issue(this.#flushing(() => undefined))
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

  #next(): void {
    const { schedule, dice, plan } = this.world
    if (this.#timed || this.#stopping !== null || this.world.resting) return
    if (this.#unanswered.size >= plan.guest.depth) return
    this.#timed = true
    const wait = dice.chance(plan.guest.rests) ? REST_MS : dice.fraction() * plan.guest.thinkMs
    schedule.after(
      wait,
      () => {
        this.#timed = false
        if (this.#stopping !== null || this.world.resting || this.#primary === null) return
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
    const primary = this.#primary
    const unanswered = this.#unanswered.get(id)
    // A process that is gone hears nothing.
    if (primary?.isServing !== true || unanswered === undefined) return
    primary.request(unanswered.request, (error, data) => {
      if (!this.life.alive || this.#primary !== primary || !this.#unanswered.delete(id)) return
      this.world.say(() => `guest ${this.number} gets #${id} ${error === '' ? 'done' : error}`)
      this.world.judge.answers(this.number)
      if (error !== '') this.world.probe('the guest sees an error')
      unanswered.answered(error, data)
      this.#next()
      this.#perhapsStopped()
    })
  }

  #perhapsStopped(): void {
    if (this.#stopping === null || this.#unanswered.size > 0) return
    const stopped = this.#stopping
    this.#stopping = null
    this.#issue(this.#flushing(() => this.#ends(stopped)))
    this.#stopping = () => undefined
  }

  #ends(stopped: () => void): void {
    this.life.alive = false
    this.host.guest = null
    this.world.say(() => `guest ${this.number} has shut down`)
    this.world.judge.guestEndsWell()
    stopped()
  }

  // --- what it asks -----------------------------------------------------------------------------------------------------------

  #draw(): Unanswered {
    const { dice, plan, resting } = this.world
    const { guest, cells } = plan
    if (!resting) this.world.requests++
    if (this.#issued > FIRST_READS && dice.chance(guest.flushes)) return this.#flushing(() => undefined)
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
    const { recent } = this.world
    recent.push(first)
    if (recent.length > RECENT) recent.shift()
  }

  #place(): number {
    const { dice, plan } = this.world
    const { guest, cells } = plan
    const { recent } = this.world
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
    const seen = this.world.judge.readBegins(first, count)
    return {
      request: { kind: 'read', offset: first * CELL_BYTES, length: count * CELL_BYTES },
      answered: (error, data) => {
        if (error === '' && data !== undefined) seen(cellsOf(data))
      },
    }
  }

  #writing(first: number, count: number, fua: boolean): Unanswered {
    const { version, acknowledged } = this.world.judge.changeBegins(first, count, false, fua)
    const data = bufferOf(new Int32Array(count).fill(version))
    this.world.guestBuffers.add(data)
    return {
      request: { kind: 'write', offset: first * CELL_BYTES, length: data.length, data, fua },
      answered: (error) => acknowledged(error),
    }
  }

  #zeroing(first: number, count: number, fua: boolean): Unanswered {
    const { acknowledged } = this.world.judge.changeBegins(first, count, true, fua)
    return {
      request: { kind: 'zero', offset: first * CELL_BYTES, length: count * CELL_BYTES, punch: false, fua },
      answered: (error) => acknowledged(error),
    }
  }

  #flushing(then: () => void): Unanswered {
    const flushed = this.world.judge.flushBegins()
    return {
      request: { kind: 'flush', offset: 0, length: 0 },
      answered: (error) => {
        flushed(error)
        then()
      },
    }
  }
}

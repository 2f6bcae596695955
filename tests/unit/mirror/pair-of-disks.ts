import { must } from '../../../lib/core/domain/assert'
import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { DirtyBitmap } from '../../../lib/core/domain/dirty-bitmap'
import type { GuestRequest } from '../../../lib/core/domain/replica-request'
import { SIDES, type Members, type MirrorEffect, type MirrorEvent, type Side } from '../../../lib/core/mirror/events'
import { Mirror } from '../../../lib/core/mirror/mirror'
import type { Dice } from '../../world/prng'
import { performed } from './buffer-disk'

type Io = Extract<MirrorEffect, { do: 'io' }>
const CELL_BYTES = 32 * 1024

/** A read under way: what each cell may hold, by the number of the write that made it, from this one on. */
interface Reading {
  readonly first: number
  readonly atLeast: readonly number[]
}

/** A mirror on two disks, and a guest that knows what it wrote; whatever is under way ends in an order that the dice choose. */
export class PairOfDisks {
  readonly disks: Record<Side, Buffer>
  readonly differ: number[] = []
  readonly verified: string[] = []
  readonly #mirror: Mirror
  #open: Io[] = []
  /** What the witness is asked to store, and what it should be asked next: one thing at a time. */
  #asked: Members | null = null
  #wish: Members = { local: true, peer: true }
  #lastId = 0
  #generations = 0
  #when: 'local' | 'both' = 'both'
  /** Changes that the peer does one after the other. */
  readonly #ordered = new Set<Io>()
  /** Of each cell, the writes in the order of their coming, and the last one that was acknowledged. */
  readonly #writes: { byte: number; number: number }[][]
  readonly #acknowledged: number[]
  readonly #writing = new Map<number, { cells: readonly number[]; number: number }>()
  readonly #reading = new Map<number, Reading>()
  readonly #flushing = new Set<number>()

  constructor(
    readonly sizeBytes: number,
    private readonly dice: Dice,
  ) {
    const cells = Math.ceil(sizeBytes / CELL_BYTES)
    this.#writes = Array.from({ length: cells }, () => [{ byte: 0, number: 0 }])
    this.#acknowledged = Array.from({ length: cells }, () => 0)
    this.disks = { local: Buffer.alloc(sizeBytes), peer: Buffer.alloc(sizeBytes) }
    this.#mirror = new Mirror({
      ...{ sizeBytes, listed: this.#wish, tracked: true, patient: true, hotExtentsMax: 8 },
      newGeneration: () => (++this.#generations).toString(16).padStart(16, '0'),
    })
  }

  get blocks(): number {
    return Math.ceil(this.sizeBytes / BLOCK_BYTES)
  }

  isUp(side: Side): boolean {
    return this.#mirror.replicas[side].presence !== null
  }

  get unanswered(): number {
    return this.#writing.size + this.#reading.size + this.#flushing.size
  }

  get isWhole(): boolean {
    return SIDES.every((side) => this.#mirror.replicas[side].state === 'member' && this.#mirror.replicas[side].dirty.count === 0)
  }

  up(side: Side, noted: readonly number[]): void {
    const bits = new DirtyBitmap(this.sizeBytes)
    for (const block of noted) bits.mark(block * BLOCK_BYTES, 1)
    const { history } = this.#mirror.replicas[side]
    const [state, generations] =
      this.#generations === 0
        ? (['up-to-date', { current: 'a'.repeat(16), bitmap: '', former: '', history: [] }] as const)
        : ([history.state, history.generations] as const)
    this.apply({
      on: 'replica-up',
      side,
      presence: { identity: side, incarnation: side, state, generations, cacheKept: true },
      bits,
    })
  }

  /**
   * What it is asked to change under `local`, and what it has not answered by then, the peer does one after the other, as the secondary of a guest
   * in lockstep does.
   */
  answerWhen(when: 'local' | 'both'): void {
    this.#when = when
    if (when === 'local') for (const io of this.#open) this.#order(io)
    this.apply({ on: 'answer-when', when })
  }

  /** What it was asked for may have been done, or not. */
  lost(lost: Side): void {
    let ordered = this.dice.below(this.#ordered.size + 1)
    for (const io of this.#open) {
      if (io.side !== lost || io.request.kind === 'mark') continue
      if (this.#ordered.has(io) ? ordered-- > 0 : this.dice.chance(0.5)) performed(this.disks[lost], io.request)
    }
    this.#open = this.#open.filter(({ side, request }) => side !== lost || request.kind === 'mark')
    if (lost === 'peer') this.#ordered.clear()
    // A mark is made or the replica says at its return what it was before; here they are all made.
    for (const io of this.#open.filter(({ side }) => side === lost)) this.finish(io)
    this.apply({ on: 'replica-down', side: lost, error: 'EPIPE' })
  }

  write(first: number, cells: number, isZero: boolean): void {
    const id = ++this.#lastId
    const byte = isZero ? 0 : 1 + (id % 255)
    const range = this.#range(first, cells)
    const touched = Array.from({ length: cells }, (_, n) => first + n)
    for (const cell of touched) this.#writes[cell]?.push({ byte, number: id })
    this.#writing.set(id, { cells: touched, number: id })
    const request: GuestRequest = isZero
      ? { kind: 'zero', ...range, punch: true, fua: false }
      : { kind: 'write', ...range, data: Buffer.alloc(range.length, byte), fua: id % 3 === 0 }
    this.apply({ on: 'request', id, request })
  }

  read(first: number, cells: number): void {
    const id = ++this.#lastId
    this.#reading.set(id, { first, atLeast: this.#acknowledged.slice(first, first + cells) })
    this.apply({ on: 'request', id, request: { kind: 'read', ...this.#range(first, cells) } })
  }

  flush(): void {
    const id = ++this.#lastId
    this.#flushing.add(id)
    this.apply({ on: 'request', id, request: { kind: 'flush', offset: 0, length: 0 } })
  }

  /** One thing that is under way ends; false when nothing is. */
  step(): boolean {
    const asked = this.#asked
    if (asked !== null && (this.#open.length === 0 || this.dice.chance(0.1))) {
      this.#asked = isSame(this.#wish, asked) ? null : this.#wish
      this.apply({ on: 'claimed', members: asked })
      return true
    }
    if (this.#open.length === 0) return false
    const [next] = this.#ordered
    this.finish(this.dice.of(this.#open.filter((io) => io === next || !this.#ordered.has(io))))
    return true
  }

  finish(io: Io): void {
    this.#open = this.#open.filter((one) => one !== io)
    this.#ordered.delete(io)
    const data = performed(this.disks[io.side], io.request)
    this.apply({ on: 'done', side: io.side, op: io.op, error: '', ...(data === null ? {} : { data }) })
  }

  apply(event: MirrorEvent): void {
    for (const effect of this.#mirror.apply(event)) {
      if (effect.do === 'io') this.#issue(effect)
      else if (effect.do === 'propose') this.#propose(effect.members)
      else if (effect.do === 'reply') this.#replied(effect.id, effect.error, effect.data)
      else if (effect.do === 'differ')
        for (const { first, last } of effect.runs) for (let block = first; block <= last; block++) this.differ.push(block)
      else if (effect.do === 'verified') this.verified.push(effect.why)
    }
  }

  /** What the disk must hold when all is done: the last write of each cell. */
  get expected(): Buffer {
    return Buffer.concat(this.#writes.map((writes, cell) => Buffer.alloc(this.#range(cell, 1).length, writes.at(-1)?.byte)))
  }

  #issue(io: Io): void {
    this.#open.push(io)
    if (this.#when === 'local') this.#order(io)
  }

  #order(io: Io): void {
    if (io.side === 'peer' && ['write', 'zero', 'flush'].includes(io.request.kind)) this.#ordered.add(io)
  }

  #propose(members: Members): void {
    this.#wish = members
    this.#asked ??= members
  }

  #range(first: number, cells: number): { offset: number; length: number } {
    const offset = first * CELL_BYTES
    return { offset, length: Math.min(cells * CELL_BYTES, this.sizeBytes - offset) }
  }

  #replied(id: number, error: string, data: Buffer | undefined): void {
    if (error !== '') throw new Error(`request ${id}: ${error}`)
    const written = this.#writing.get(id)
    for (const cell of written?.cells ?? []) this.#acknowledged[cell] = Math.max(id, this.#acknowledged[cell] ?? 0)
    const reading = this.#reading.get(id)
    reading?.atLeast.forEach((number, n) => {
      const at = n * CELL_BYTES
      const bytes = must(data, 'a read brings bytes').subarray(at, at + CELL_BYTES)
      const allowed = (this.#writes[reading.first + n] ?? []).filter((write) => write.number >= number)
      if (!allowed.some(({ byte }) => bytes[0] === byte && bytes.equals(Buffer.alloc(bytes.length, byte))))
        throw new Error(`read ${id}: cell ${reading.first + n} is old`)
    })
    this.#writing.delete(id)
    this.#reading.delete(id)
    this.#flushing.delete(id)
  }
}

const isSame = (one: Members, two: Members): boolean => one.local === two.local && one.peer === two.peer

export const CELLS_PER_BLOCK = BLOCK_BYTES / CELL_BYTES

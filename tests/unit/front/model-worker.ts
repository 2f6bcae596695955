import type { Dice } from '../../world/prng'
import { cellsOf, EIO, ESHUTDOWN, Pipe, readRequest, replyBytes, type Asked } from './model-bytes'

export interface WorkerHabits {
  /** Overlapping changes are done in the order of their arrival, as the product's worker does them. */
  readonly ordered: boolean
  readonly errorChance: number
}

const changes = ({ kind }: Asked): boolean => kind !== 'read' && kind !== 'flush'
const overlap = (a: Asked, b: Asked): boolean => a.at < b.at + b.cells && b.at < a.at + a.cells

/** One life of a worker: the disk outlives it. Reads what arrives, does one thing at a time when told to, answers as it does them. */
export class ModelWorker {
  readonly arriving = new Pipe()
  readonly leaving = new Pipe()
  private readonly taken: Asked[] = []
  ending = false

  constructor(
    private readonly disk: number[],
    private readonly habits: WorkerHabits,
    private readonly dice: Dice,
  ) {}

  get idle(): boolean {
    return this.taken.length === 0
  }

  receive(bytes: Buffer): void {
    this.arriving.push(bytes)
    for (let asked = readRequest(this.arriving); asked !== null; asked = readRequest(this.arriving)) {
      if (this.ending) this.leaving.push(replyBytes(asked.cookie, ESHUTDOWN, Buffer.alloc(0)))
      else this.taken.push(asked)
    }
  }

  /** Does one of the requests that may be done now. */
  work(): void {
    const ready = this.taken.filter((each, index) => !this.mustWait(each, this.taken.slice(0, index)))
    const asked = this.dice.of(ready)
    this.taken.splice(this.taken.indexOf(asked), 1)
    if (this.dice.chance(this.habits.errorChance)) this.leaving.push(replyBytes(asked.cookie, EIO, Buffer.alloc(0)))
    else this.leaving.push(replyBytes(asked.cookie, 0, this.perform(asked, asked.cells)))
  }

  /** Killed: of what it was doing, some is done, some half. What it had sent may still arrive in part. */
  die(): void {
    this.taken.forEach((each, index) => {
      if (this.mustWait(each, this.taken.slice(0, index)) || !this.dice.chance(0.5)) return
      this.perform(each, this.dice.below(each.cells + 1))
    })
  }

  private mustWait(asked: Asked, earlier: readonly Asked[]): boolean {
    return this.habits.ordered && changes(asked) && earlier.some((each) => changes(each) && overlap(each, asked))
  }

  private perform(asked: Asked, cells: number): Buffer {
    const { kind, at, value } = asked
    if (kind === 'read') return cellsOf(this.disk.slice(at, at + cells))
    if (changes(asked)) this.disk.fill(value, at, at + cells)
    return Buffer.alloc(0)
  }
}

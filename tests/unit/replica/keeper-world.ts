import { BLOCK_BYTES, BLOCKS_PER_PAGE, EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import type { Hint, Mark } from '../../../lib/core/domain/replica-request'
import type { Generations, ReplicaMetadata } from '../../../lib/core/domain/volume'
import type { KeeperEffect, KeeperEvent } from '../../../lib/core/replica/events'
import { Keeper } from '../../../lib/core/replica/keeper'

/** What stable storage holds. */
export interface Stored {
  readonly hot: readonly number[]
  readonly pages: ReadonlyMap<number, Buffer>
  readonly state: ReplicaMetadata['state']
  readonly generations: Generations
}

type Save = Extract<KeeperEffect, { do: 'save-hot' | 'save-pages' | 'save-head' }>

export const withSave = (stored: Stored, save: Save): Stored => {
  if (save.do === 'save-hot') return { ...stored, hot: save.extents }
  if (save.do === 'save-pages') return { ...stored, pages: new Map([...stored.pages, ...save.pages]) }
  return { ...stored, ...save.change }
}

export const names = ({ hot, pages }: Pick<Stored, 'hot' | 'pages'>, block: number): boolean => {
  const page = pages.get(Math.floor(block / BLOCKS_PER_PAGE))
  const at = block % BLOCKS_PER_PAGE
  const isSet = page !== undefined && ((page[at >>> 3] ?? 0) & (1 << (at & 7))) !== 0
  return isSet || hot.includes(Math.floor((block * BLOCK_BYTES) / EXTENT_BYTES))
}

/** A change on the device of which nobody has said that the other replica has it, too. */
interface Open {
  readonly seq: number
  /** Made when the other replica was away. */
  readonly alone: boolean
  /** Numbered by a primary that is gone: only its blocks count. */
  noted: boolean
}

/**
 * A keeper on its stable storage, whose saves may be cut off by a crash, and what is really on the device: it complains when a crash at
 * this moment would leave a block that may differ and that nothing on stable storage names.
 */
export class KeeperWorld {
  keeper: Keeper
  stored: Stored
  saving: Save | null = null
  /** Block -> its open changes. */
  readonly open = new Map<number, Open[]>()
  readonly waiting = new Map<number, { seq: number; first: number; last: number }>()
  readonly marks: number[] = []
  ready = 0
  saves = 0
  #lastId = 0
  lastSeq = 0

  constructor(
    readonly sizeBytes: number,
    readonly hotLimit: number,
    found: Stored | 'lost',
  ) {
    const alone = { current: 'g1', bitmap: '', former: '', history: [] }
    this.stored = found === 'lost' ? { hot: [], pages: new Map(), state: 'up-to-date', generations: alone } : found
    this.keeper = this.#opened(found === 'lost' ? 'lost' : this.stored)
    if (found !== 'lost') return
    // The files were made anew with every block dirty.
    this.stored = {
      ...this.stored,
      pages: new Map(this.keeper.bits.pagesInUse().map((page) => [page, this.keeper.bits.page(page)])),
    }
  }

  /** A primary forgets what was noted when all that was done alone is settled. */
  get mayForget(): boolean {
    const isLoose = [...this.open.values()].some((changes) => changes.some(({ alone, noted }) => alone && !noted))
    return !this.isAlone && !isLoose && this.marks.length === 0
  }

  get isAlone(): boolean {
    return this.keeper.generations.bitmap !== ''
  }

  get isTracked(): boolean {
    return this.keeper.generations.current !== ''
  }

  /** Changes numbered below this have been answered. */
  get answeredBefore(): number {
    return Math.min(this.lastSeq + 1, ...[...this.waiting.values()].map(({ seq }) => seq))
  }

  /** `fast`: past apply(), as a worker does. */
  change(offset: number, length: number, fast: boolean): void {
    const [id, seq] = [++this.#lastId, ++this.lastSeq]
    const range = { seq, first: Math.floor(offset / BLOCK_BYTES), last: Math.floor((offset + length - 1) / BLOCK_BYTES) }
    if (fast && this.keeper.admits(offset, length, seq)) this.#performed(range)
    else {
      this.waiting.set(id, range)
      this.apply({ on: 'ask', id, seq, request: { kind: 'zero', offset, length, punch: false, fua: false } })
    }
  }

  mark(mark: Mark): void {
    const id = ++this.#lastId
    this.marks.push(id)
    const wasTracked = this.isTracked
    this.apply({ on: 'ask', id, seq: ++this.lastSeq, request: { kind: 'mark', offset: 0, length: 0, mark } })
    // Numbers tell nothing of what was done while nobody listened.
    if (!wasTracked) this.#note(() => true)
    if (mark.bits === 'none') this.#close((_block, { noted }) => noted)
  }

  hint(hint: Hint): void {
    if (hint.kind === 'settled' && !this.isAlone) this.#close((_block, { seq, noted }) => !noted && seq < hint.before)
    if (hint.kind === 'clean') this.#close((block) => hint.runs.some(({ first, last }) => first <= block && block <= last))
    this.apply({ on: 'hint', hint })
  }

  newPrimary(): void {
    this.#note(() => true)
    this.lastSeq = 0
    this.apply({ on: 'new-primary' })
  }

  linkLost(): void {
    this.apply({ on: 'link-lost' })
    if (this.waiting.size > 0) throw new Error('asked by nobody, and still wanted')
  }

  /** The save under way is done, if there is one. */
  saved(): boolean {
    if (this.saving === null) return false
    this.stored = withSave(this.stored, this.saving)
    this.saving = null
    this.apply({ on: 'saved' })
    return true
  }

  /** A crash, with the save under way done or not, and the next life. */
  crash(saved: boolean): void {
    if (saved && this.saving !== null) this.stored = withSave(this.stored, this.saving)
    this.saving = null
    this.waiting.clear()
    this.marks.length = 0
    this.keeper = this.#opened(this.stored)
    this.newPrimary()
  }

  apply(event: KeeperEvent): void {
    for (const effect of this.keeper.apply(event)) this.#do(effect)
  }

  #do(effect: KeeperEffect): void {
    switch (effect.do) {
      case 'perform': {
        const range = this.waiting.get(effect.id)
        if (range !== undefined) this.#performed(range)
        else throw new Error(`${effect.id} was not asked for`)
        this.waiting.delete(effect.id)
        break
      }
      case 'cancel':
        if (!this.waiting.delete(effect.id)) throw new Error(`${effect.id} does not wait`)
        break
      case 'marked':
        if (this.marks.shift() !== effect.id) throw new Error('marks are answered in their order')
        break
      case 'ready':
        this.ready++
        // Of what it asks from now on the primary knows.
        for (const [block, changes] of this.open) {
          const isTold = this.keeper.bits.has(block) || !changes.some(({ noted }) => noted)
          if (this.isTracked && !isTold) throw new Error(`the primary is not told of block ${block}`)
        }
        break
      case 'save-hot':
      case 'save-pages':
      case 'save-head':
        if (this.saving !== null) throw new Error('two saves at a time')
        if (effect.do === 'save-hot' && new Set(effect.extents).size < effect.extents.length)
          throw new Error('an extent twice in the log')
        if (effect.do === 'save-hot' && effect.extents.length > this.hotLimit) throw new Error('more than the log holds')
        this.saving = effect
        this.saves++
        this.#check(this.open.keys())
    }
  }

  #performed({ seq, first, last }: { seq: number; first: number; last: number }): void {
    const alone = this.isAlone
    if (this.keeper.state === 'inconsistent' && this.stored.state !== 'inconsistent' && isTracked(this.stored))
      throw new Error('its bytes become a mixture, and stable storage calls them whole')
    for (let block = first; block <= last; block++)
      this.open.set(block, [...(this.open.get(block) ?? []), { seq, alone, noted: false }])
    this.#check(Array.from({ length: last - first + 1 }, (_, n) => first + n))
    if (alone)
      for (let block = first; block <= last; block++)
        if (!this.keeper.bits.has(block)) throw new Error(`alone, and ${block} is not noted`)
  }

  /** A crash may leave the save that is under way, or what was before it. */
  #check(blocks: Iterable<number>): void {
    const after = this.saving === null ? null : withSave(this.stored, this.saving)
    for (const block of blocks) {
      if (isTracked(this.stored) && !names(this.stored, block))
        throw new Error(`block ${block} may differ, and nothing on stable storage says so`)
      if (after !== null && isTracked(after) && !names(after, block))
        throw new Error(`block ${block} may differ, and ${this.saving?.do ?? ''} drops it`)
    }
  }

  #note(which: (change: Open) => boolean): void {
    for (const changes of this.open.values()) for (const change of changes) if (which(change)) change.noted = true
  }

  #close(which: (block: number, change: Open) => boolean): void {
    for (const [block, changes] of this.open) {
      const left = changes.filter((change) => !which(block, change))
      if (left.length === 0) this.open.delete(block)
      else this.open.set(block, left)
    }
  }

  #opened(found: Stored | 'lost'): Keeper {
    const { state, generations, hot, pages } = found === 'lost' ? this.stored : found
    return new Keeper(
      { sizeBytes: this.sizeBytes, state, generations, tracking: found === 'lost' ? 'lost' : { hot, pages } },
      this.hotLimit,
    )
  }
}

const isTracked = ({ generations }: Stored): boolean => generations.current !== ''

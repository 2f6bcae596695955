/**
 * A replica's watch over its own bytes: before a change reaches the device, stable storage tells that the range may differ from
 * the other replica. So after any crash the activity logs and dirty bitmaps of the two replicas name, together, every block that
 * they must compare.
 *
 * Must never: let a change through that is not covered, or that makes a mixture of what is still on record as whole; forget a block
 * that is not known to be the same on both replicas.
 */
import { BLOCK_BYTES, BLOCKS_PER_PAGE, EXTENT_BYTES, HOT_EXTENTS_MAX, bitmapPages } from '../domain/blocks'
import { DirtyBitmap } from '../domain/dirty-bitmap'
import type { Hint, Mark, ReplicaRequest } from '../domain/replica-request'
import { isChange } from '../domain/replica-request'
import type { Generations, ReplicaMetadata } from '../domain/volume'
import { ActivityLog } from './activity-log'
import type { KeeperEffect, KeeperEvent } from './events'
import { Saves } from './saves'

interface Found {
  readonly sizeBytes: number
  readonly state: ReplicaMetadata['state']
  readonly generations: Generations
  /** `'lost'`: every block may differ. */
  readonly tracking: { readonly hot: readonly number[]; readonly pages: ReadonlyMap<number, Buffer> } | 'lost'
}

interface Ask {
  readonly id: number
  readonly seq: number
  readonly offset: number
  readonly length: number
}

/** Cleared blocks are forgotten on stable storage in portions of so many: the bitmap may name too many, never too few. */
const CLEAN_BLOCKS_PER_SAVE = 1024

export class Keeper {
  /** Blocks in which this replica may differ from the other one, beside those of the activity log. */
  readonly bits: DirtyBitmap
  readonly #log: ActivityLog
  #state: ReplicaMetadata['state']
  #generations: Generations
  /** A replica that nobody mirrors to keeps no record of its changes, from when stable storage says so. */
  #tracked: boolean
  readonly #saves = new Saves((effect) => this.#out.push(effect))
  readonly #waiting: Ask[] = []
  /** Extents changed past the first one that waits, at most: they stay in the log until that one is done. */
  #overtaken = 0
  /** What the log gains when it is saved. */
  #entering: readonly number[] | null = null
  #lostTracking: boolean
  /** Marks on their way that make it a resync's target: until then stable storage calls it whole. */
  #spoiling = 0
  /** Pages with bits that are set on stable storage and that nobody needs any more. */
  readonly #washed = new Set<number>()
  #washedBlocks = 0
  #out: KeeperEffect[] = []

  constructor(found: Found, hotLimit = HOT_EXTENTS_MAX) {
    this.bits = new DirtyBitmap(found.sizeBytes)
    this.#log = new ActivityLog(found.sizeBytes, hotLimit)
    this.#state = found.state
    this.#generations = found.generations
    this.#tracked = found.generations.current !== ''
    if (found.tracking === 'lost') this.bits.markAll()
    else {
      for (const [page, bytes] of found.tracking.pages) this.bits.mergePage(page, bytes)
      this.#log.entered(found.tracking.hot)
    }
    this.#lostTracking = found.tracking === 'lost'
  }

  get state(): ReplicaMetadata['state'] {
    return this.#state
  }

  get generations(): Generations {
    return this.#generations
  }

  /** The other replica does not get what this one gets: every change is one that it lacks. */
  get #alone(): boolean {
    return this.#generations.bitmap !== ''
  }

  /** True when the change may go to the device at once; otherwise it is to be asked for by `ask`. The fast way past apply(). */
  admits(offset: number, length: number, seq: number): boolean {
    if (!this.#tracked) return true
    if (this.#spoiling > 0) return false
    if (this.#waiting.length > 0) {
      this.#overtaken += this.#log.extentsIn(offset, length)
      if (this.#overtaken > this.#log.overtakeMax) return false
    }
    if (!this.#log.admits(offset, length, seq)) return false
    if (this.#alone) this.bits.mark(offset, length)
    return true
  }

  apply(event: KeeperEvent): readonly KeeperEffect[] {
    this.#out = []
    switch (event.on) {
      case 'ask':
        this.#ask(event.id, event.seq, event.request)
        break
      case 'saved':
        this.#saved()
        break
      case 'hint':
        this.#hint(event.hint)
        break
      case 'link-lost':
        this.#cancelWaiting()
        break
      case 'new-primary':
        this.#newPrimary()
        break
      case 'idle':
        this.#idle()
        break
    }
    this.#enter()
    return this.#out
  }

  #ask(id: number, seq: number, request: ReplicaRequest): void {
    if (request.kind === 'mark') this.#mark(id, request.mark)
    else if (!isChange(request) || this.admits(request.offset, request.length, seq)) this.#out.push({ do: 'perform', id })
    else if (this.#waiting.push({ id, seq, offset: request.offset, length: request.length }) === 1) this.#overtaken = 0
  }

  // --- entering extents ---------------------------------------------------------------------------------------------------

  #enter(): void {
    if (this.#entering !== null || this.#waiting.length === 0) return
    const turnover = this.#log.plan(this.#waiting, this.#alone)
    // Full of what is not settled yet: the primary's next flush settles it.
    if (turnover === null) return
    const { enter, leave } = turnover
    this.#entering = enter
    this.#leave(leave)
    this.#saves.add({ do: 'save-hot', extents: [...this.#log.extents, ...enter] }, () => {
      if (this.#entering !== enter) return
      this.#log.entered(enter)
      this.#entering = null
      this.#release()
    })
  }

  #release(): void {
    const waiting = this.#waiting.splice(0)
    for (const ask of waiting) {
      if (this.admits(ask.offset, ask.length, ask.seq)) this.#out.push({ do: 'perform', id: ask.id })
      else if (this.#waiting.push(ask) === 1) this.#overtaken = this.#log.changedSince(ask.seq)
    }
  }

  /** Alone, their changes are in the bitmap, which is saved first; otherwise they are settled. */
  #leave(extents: readonly number[]): void {
    this.#log.leave(extents)
    if (this.#alone && extents.length > 0) this.#savePages(new Set(extents.map(pageOf)))
  }

  #markExtent(extent: number): void {
    const offset = extent * EXTENT_BYTES
    this.bits.mark(offset, Math.min(EXTENT_BYTES, this.bits.sizeBytes - offset))
  }

  // --- marks and hints ------------------------------------------------------------------------------------------------------

  #mark(id: number, { state, generations, bits }: Mark): void {
    // Of a resync that ends here, or is interrupted next, what was copied is not copied again.
    this.#wash(true)
    const hadHistory = this.#generations.current !== ''
    const wasAlone = this.#alone
    const spoils = state === 'inconsistent' && this.#state !== state
    if (spoils) this.#spoiling++
    this.#state = state ?? this.#state
    this.#generations = generations ?? this.#generations
    // What was written while the other one was on its way out may be here only.
    if (this.#alone && !wasAlone) for (const extent of this.#log.unsettled()) this.#markExtent(extent)
    const hasHistory = this.#generations.current !== ''
    this.#tracked ||= hasHistory
    if (bits === 'all' || (hasHistory && !hadHistory)) {
      this.bits.markAll()
      this.#savePages(null)
    }
    if (bits === 'none') this.#clearAll()
    const change = { ...(state === undefined ? {} : { state }), ...(generations === undefined ? {} : { generations }) }
    this.#saves.add({ do: 'save-head', change }, () => {
      this.#out.push({ do: 'marked', id })
      if (spoils && --this.#spoiling === 0) this.#release()
    })
    if (bits === 'none') this.#wash(true)
  }

  #clearAll(): void {
    for (const page of this.bits.pagesInUse()) this.#washed.add(page)
    this.bits.clearAll()
  }

  #hint(hint: Hint): void {
    if (hint.kind === 'settled') {
      // Of changes made while the other one was away this is not true, and they are in the same extents.
      if (!this.#alone) this.#log.settled(hint.before)
      return
    }
    for (const { first, last } of hint.runs) {
      for (let block = first; block <= last && block < this.bits.blocks; block++) {
        if (!this.bits.has(block)) continue
        this.bits.clear(block)
        this.#washed.add(Math.floor(block / BLOCKS_PER_PAGE))
        this.#washedBlocks++
      }
    }
    this.#wash(this.#washedBlocks >= CLEAN_BLOCKS_PER_SAVE)
  }

  #wash(now: boolean): void {
    if (!now || this.#washed.size === 0) return
    const pages = new Set(this.#washed)
    this.#washed.clear()
    this.#washedBlocks = 0
    this.#savePages(pages)
  }

  #cancelWaiting(): void {
    for (const { id } of this.#waiting.splice(0)) this.#out.push({ do: 'cancel', id })
  }

  #newPrimary(): void {
    this.#cancelWaiting()
    const hot = this.#log.extents
    for (const extent of hot) this.#markExtent(extent)
    this.#log.restart()
    // The log that is being saved right now is replaced by an empty one at once.
    const isEntering = this.#entering !== null
    this.#entering = null
    if (hot.length > 0 || isEntering || this.#lostTracking) {
      if (hot.length > 0 || this.#lostTracking) this.#savePages(this.#lostTracking ? null : new Set(hot.map(pageOf)))
      this.#saves.add({ do: 'save-hot', extents: [] })
    }
    this.#lostTracking = false
    this.#saves.afterLast(() => this.#out.push({ do: 'ready' }))
  }

  #idle(): void {
    this.#wash(true)
    const hot = this.#log.extents
    if (!this.#saves.isIdle || this.#waiting.length > 0 || hot.length === 0) return
    if (!this.#alone && !this.#log.isSettled) return
    this.#leave(hot)
    this.#saves.add({ do: 'save-hot', extents: [] })
  }

  // --- saves, one after the other -------------------------------------------------------------------------------------------

  /** Null: all pages of the disk. Bits set after this are covered by the activity log until their page is saved again. */
  #savePages(pages: ReadonlySet<number> | null): void {
    const numbers = pages ?? new Set(Array.from({ length: bitmapPages(this.bits.sizeBytes) }, (_, page) => page))
    this.#saves.add({ do: 'save-pages', pages: new Map([...numbers].map((page) => [page, this.bits.page(page)])) })
  }

  #saved(): void {
    this.#saves.saved()
    if (this.#saves.isIdle && this.#tracked && this.#generations.current === '') {
      this.#tracked = false
      this.#release()
    }
  }
}

const pageOf = (extent: number): number => Math.floor((extent * EXTENT_BYTES) / (BLOCK_BYTES * BLOCKS_PER_PAGE))

import { BLOCKS_PER_PAGE } from '../../../lib/core/domain/blocks'
import type { ReplicaMetadata } from '../../../lib/core/domain/volume'
import type { Dice } from '../../world/prng'
import type { Life, Schedule } from '../../world/schedule'

type Head = Pick<ReplicaMetadata, 'replica' | 'term' | 'state' | 'generations' | 'boot'>

/** What is stored beside a replica's bytes. */
export interface Noted extends Head {
  readonly hot: readonly number[]
  readonly pages: ReadonlyMap<number, Buffer>
}

interface Save {
  readonly by: Life
  readonly change: (noted: Noted) => Noted
  readonly done: (error: string) => void
}

/** A replica's metadata: each save is there wholly or not at all, in the order in which they were asked for. */
export class Notes {
  noted: Noted | null = null
  /** The tracking cannot be read any more: every block may differ. */
  trackingLost = false
  /** No room is left. */
  full = false
  #saves: Save[] = []

  constructor(
    private readonly latencyMs: number,
    private readonly dice: Dice,
    private readonly schedule: Schedule,
  ) {}

  save(by: Life, change: Save['change'], done: Save['done']): void {
    this.#saves.push({ by, change, done })
    if (this.#saves.length === 1) this.#begin()
  }

  /** Of those under way none, some or all were done. */
  crashed(): void {
    for (const { change } of this.#saves.splice(0)) {
      if (this.noted === null || this.dice.chance(0.5)) return
      this.noted = change(this.noted)
    }
  }

  /** For people. */
  get text(): string {
    if (this.noted === null) return 'no notes'
    const { state, generations, hot, pages } = this.noted
    const bits = [...pages.values()]
      .flatMap((page) => [...page])
      .reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
    return `${state} ${Number(`0x${generations.current}`)}|${Number(`0x${generations.bitmap}`)}, ${hot.length} hot, ${bits} bits`
  }

  replace(): void {
    this.noted = null
    this.trackingLost = false
    for (const { by, done } of this.#saves.splice(0)) this.schedule.to(by, () => done('EIO'))
  }

  #begin(): void {
    const save = this.#saves[0]
    if (save === undefined) return
    this.schedule.after(this.dice.fraction() * this.latencyMs, () => {
      if (this.#saves[0] !== save) return
      this.#saves.shift()
      const error = this.noted === null ? 'EIO' : this.full ? 'ENOSPC' : ''
      if (error === '' && this.noted !== null) this.noted = save.change(this.noted)
      this.schedule.to(save.by, () => save.done(error))
      this.#begin()
    })
  }
}

/** Blocks that the notes say may differ, as an outsider reads them from the disk. */
export function coveredBlocks({ noted, trackingLost }: Notes, blocks: number, blocksPerExtent: number): Set<number> | 'all' {
  if (noted === null || trackingLost) return 'all'
  const covered = new Set<number>()
  for (const extent of noted.hot) {
    for (let block = extent * blocksPerExtent; block < Math.min(blocks, (extent + 1) * blocksPerExtent); block++)
      covered.add(block)
  }
  for (const [page, bytes] of noted.pages) {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte === 0) continue
      for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) covered.add(page * 8 * bytes.length + 8 * at + bit)
    }
  }
  return covered
}

/** The same for one block. */
export function isCovered({ noted, trackingLost }: Notes, block: number, blocksPerExtent: number): boolean {
  if (noted === null || trackingLost) return true
  if (noted.hot.includes(Math.floor(block / blocksPerExtent))) return true
  const page = noted.pages.get(Math.floor(block / BLOCKS_PER_PAGE))
  const bit = block % BLOCKS_PER_PAGE
  return page !== undefined && ((page[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0
}

/** A page that was saved may have become clean since. */
export const isMarked = (pages: Noted['pages']): boolean =>
  [...pages.values()].some((page) => Buffer.compare(page, Buffer.alloc(page.length)) !== 0)

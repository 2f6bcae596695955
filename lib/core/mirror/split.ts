import { BLOCK_BYTES } from '../domain/blocks'
import { type BlockRun, DirtyBitmap, runsWhere } from '../domain/dirty-bitmap'
import { differingBlocks } from './copying'
import { bitmapsTellAll } from './entry'
import { otherSide, type Side, SIDES } from './events'
import { compareHistories, type History, STRATEGIES } from './handshake'
import type { Replica } from './replica'

/** Two histories of one disk that may not be mixed: one serves, the other is left as it is. */
export interface Split {
  readonly rule: string
  readonly refused: Side
  /** What each side changed since they parted, by its own notes, as they are now; null where these do not tell all. */
  readonly changed: { readonly serving: DirtyBitmap; readonly refused: DirtyBitmap } | null
}

/** Null while no replica is refused, or none serves. */
export function splitOf(replicas: Readonly<Record<Side, Replica>>): Split | null {
  const side = SIDES.find((each) => replicas[each].refused !== null)
  if (side === undefined || replicas[otherSide(side)].state !== 'member') return null
  const { refused, bits, dirty } = replicas[side]
  if (refused === null) return null
  const tellAll = bits !== null && bitmapsTellAll(refused.rule)
  return { rule: refused.rule, refused: side, changed: tellAll ? { serving: dirty, refused: bits } : null }
}

/**
 * The rule by which two replicas that have not met would not be mixed; null when they would be. `listed`: the claim lists the other
 * one, too.
 */
export function rulesOut(holder: History, other: History, listed: boolean): string | null {
  const { rule, strategy } = compareHistories(holder, other)
  const { allowed, source } = STRATEGIES[strategy]
  if (!allowed) return rule === 'no-good-copy' ? null : rule
  return source === 'peer' && !listed ? 'claim-contradicts-history' : null
}

export type WrittenBy = 'serving' | 'refused' | 'both' | 'unknown'

export interface DifferingRun extends BlockRun {
  readonly by: WrittenBy
}

/** Blocks compared at a time. */
const COMPARE_BLOCKS = 16

/** Finds the blocks in which the two differ, one stretch after another; of those only that may. */
export class SplitComparison {
  readonly #candidates: DirtyBitmap
  #cursor = 0
  #doneBlocks = 0

  constructor(
    sizeBytes: number,
    private readonly changed: Split['changed'],
  ) {
    this.#candidates = new DirtyBitmap(sizeBytes)
    if (changed === null) this.#candidates.markAll()
    else for (const bits of [changed.serving, changed.refused]) this.#candidates.merge(bits)
  }

  get totalBytes(): number {
    return this.#candidates.count * BLOCK_BYTES
  }

  get doneBytes(): number {
    return this.#doneBlocks * BLOCK_BYTES
  }

  /** What is to be compared next, in bytes; null when all is. */
  next(): { readonly run: BlockRun; readonly offset: number; readonly length: number } | null {
    const first = this.#candidates.next(this.#cursor)
    if (first < 0) return null
    let last = first
    while (last - first + 1 < COMPARE_BLOCKS && last + 1 < this.#candidates.blocks && this.#candidates.has(last + 1)) last++
    this.#cursor = last + 1
    const run = { first, last }
    return { run, ...this.#candidates.range(run) }
  }

  /** Digests of both sides, one for each block of the run. */
  compared(run: BlockRun, serving: Buffer, refused: Buffer): DifferingRun[] {
    this.#doneBlocks += run.last - run.first + 1
    return differingBlocks(run, serving, refused).flatMap((differing) => this.#byWriter(differing))
  }

  #byWriter(run: BlockRun): DifferingRun[] {
    const runs: DifferingRun[] = []
    for (const by of ['serving', 'refused', 'both', 'unknown'] as const)
      for (const each of runsWhere(run, (block) => this.#writer(block) === by)) runs.push({ ...each, by })
    return runs.sort((a, b) => a.first - b.first)
  }

  #writer(block: number): WrittenBy {
    const serving = this.changed?.serving.has(block) ?? false
    const refused = this.changed?.refused.has(block) ?? false
    if (serving && refused) return 'both'
    return serving ? 'serving' : refused ? 'refused' : 'unknown'
  }
}

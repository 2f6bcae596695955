import { BLOCK_BYTES, EXTENT_BYTES } from '../../../../lib/core/domain/blocks'
import { DirtyBitmap } from '../../../../lib/core/domain/dirty-bitmap'
import { DIGEST_BYTES, type ReplicaRequest } from '../../../../lib/core/domain/replica-request'
import type { ReplicaMetadata } from '../../../../lib/core/domain/volume'
import type { KeeperEffect } from '../../../../lib/core/replica/events'
import { bufferOf, CELL_BYTES, cellsOf } from '../../../world/cells'

const CELLS_PER_BLOCK = BLOCK_BYTES / CELL_BYTES

export type Save = Extract<KeeperEffect, { do: 'save-hot' | 'save-pages' | 'save-head' }>

/** A replica on its host, with what a cut of the power leaves of it: all notes, and of its bytes what was flushed. */
export class Storage {
  hot: readonly number[] = []
  readonly pages = new Map<number, Buffer>()
  /** The start of its machine. */
  machine = 1
  readonly #cells: Int32Array
  readonly #flushed: Int32Array

  constructor(
    readonly blocks: number,
    public head: Pick<ReplicaMetadata, 'state' | 'generations' | 'boot'>,
  ) {
    this.#cells = new Int32Array(blocks * CELLS_PER_BLOCK)
    this.#flushed = new Int32Array(blocks * CELLS_PER_BLOCK)
  }

  get sizeBytes(): number {
    return this.blocks * BLOCK_BYTES
  }

  /** On stable storage. */
  fill(block: number, content: number): void {
    for (const cells of [this.#cells, this.#flushed]) cells.fill(content, block * CELLS_PER_BLOCK, (block + 1) * CELLS_PER_BLOCK)
  }

  /** Blocks that the other one lacks. */
  note(blocks: readonly number[]): void {
    const bits = new DirtyBitmap(this.sizeBytes)
    for (const block of blocks) bits.mark(block * BLOCK_BYTES, 1)
    for (const page of bits.pagesInUse()) this.pages.set(page, bits.page(page))
  }

  save(save: Save): void {
    if (save.do === 'save-hot') this.hot = save.extents
    else if (save.do === 'save-pages') for (const [number, page] of save.pages) this.pages.set(number, page)
    else this.head = { ...this.head, ...save.change }
  }

  perform(request: ReplicaRequest): Buffer | null {
    const from = request.offset / CELL_BYTES
    const range = this.#cells.subarray(from, from + request.length / CELL_BYTES)
    if (request.kind === 'flush') this.#flushed.set(this.#cells)
    else if (request.kind === 'write') range.set(cellsOf(request.data))
    else if (request.kind === 'zero') range.fill(0)
    else if (request.kind === 'read') return bufferOf(Int32Array.from(range))
    else if (request.kind === 'hash') return digests(range)
    if ('fua' in request && request.fua) this.#flushed.set(range, from)
    return null
  }

  /** Whether what is stored says that this block may differ. */
  names(block: number): boolean {
    if (this.hot.includes(Math.floor((block * BLOCK_BYTES) / EXTENT_BYTES))) return true
    return ((this.pages.get(0)?.[block >>> 3] ?? 0) & (1 << (block & 7))) !== 0
  }

  powerCut(): void {
    this.#cells.set(this.#flushed)
    this.machine++
  }

  /** Blocks that are not as on the other one. */
  differing(other: Storage): number[] {
    const differing = new Set<number>()
    for (let at = 0; at < this.#cells.length; at++)
      if (this.#cells[at] !== other.#cells[at]) differing.add(Math.floor(at / CELLS_PER_BLOCK))
    return [...differing]
  }
}

/** Every block here holds one content, or one in its first cell and another behind it. */
function digests(cells: Int32Array): Buffer {
  const bytes = Buffer.alloc((cells.length / CELLS_PER_BLOCK) * DIGEST_BYTES)
  for (let block = 0; block < bytes.length / DIGEST_BYTES; block++) {
    const first = block * CELLS_PER_BLOCK
    bytes.writeInt32LE(cells[first] ?? 0, block * DIGEST_BYTES)
    bytes.writeInt32LE(cells[first + 1] ?? 0, block * DIGEST_BYTES + 4)
  }
  return bytes
}

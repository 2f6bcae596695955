import { assert, must } from './assert'
import { BLOCK_BYTES, BLOCKS_PER_PAGE, PAGE_BYTES, bitmapPages } from './blocks'

/** A stretch of blocks, both ends included. */
export interface BlockRun {
  readonly first: number
  readonly last: number
}

/** Blocks of one disk in which a replica may differ from another. Bit n (least significant first) of byte m is block 8m + n. */
export class DirtyBitmap {
  readonly #bytes: Uint8Array
  /** The same memory, to pass over what is clear. */
  readonly #words: Uint32Array
  #count = 0
  readonly blocks: number

  constructor(readonly sizeBytes: number) {
    assert(Number.isSafeInteger(sizeBytes) && sizeBytes > 0, 'a disk has a size')
    this.blocks = Math.ceil(sizeBytes / BLOCK_BYTES)
    const memory = new ArrayBuffer(Math.ceil(this.blocks / 32) * 4)
    this.#bytes = new Uint8Array(memory)
    this.#words = new Uint32Array(memory)
  }

  /** Number of blocks set. */
  get count(): number {
    return this.#count
  }

  has(block: number): boolean {
    return (must(this.#bytes[block >>> 3], 'a block lies on the disk') & (1 << (block & 7))) !== 0
  }

  /** True when a block that the range touches is set. Lengths in bytes. */
  touches(offset: number, length: number): boolean {
    if (this.#count === 0 || length === 0) return false
    const { first, last } = blocksOf(offset, length)
    return this.next(first, last) >= 0
  }

  /** Sets every block that the range touches. */
  mark(offset: number, length: number): void {
    if (length === 0) return
    const { first, last } = blocksOf(offset, length)
    for (let block = first; block <= last; block++) this.#put(block, true)
  }

  markAll(): void {
    const whole = this.blocks >>> 3
    this.#bytes.fill(0xff, 0, whole)
    if ((this.blocks & 7) !== 0) this.#bytes[whole] = (1 << (this.blocks & 7)) - 1
    this.#count = this.blocks
  }

  clear(block: number): void {
    this.#put(block, false)
  }

  clearAll(): void {
    this.#words.fill(0)
    this.#count = 0
  }

  merge(other: DirtyBitmap): void {
    assert(other.blocks === this.blocks, 'bitmaps of one disk have one size')
    for (let at = 0; at < this.#words.length; at++) {
      const before = this.#words[at] ?? 0
      const fresh = (other.#words[at] ?? 0) & ~before
      if (fresh === 0) continue
      this.#words[at] = before | fresh
      this.#count += ones(fresh)
    }
  }

  /** First set block from `from` to `last`, both included; -1 when there is none. */
  next(from: number, last = this.blocks - 1): number {
    if (this.#count === 0) return -1
    for (let block = Math.max(0, from); block <= last; block++) {
      if ((block & 31) === 0 && this.#words[block >>> 5] === 0) block += 31
      else if (this.has(block)) return block
    }
    return -1
  }

  /** Byte range of a run of blocks; the disk's last block may be short. */
  range({ first, last }: BlockRun): { offset: number; length: number } {
    const offset = first * BLOCK_BYTES
    return { offset, length: Math.min((last + 1) * BLOCK_BYTES, this.sizeBytes) - offset }
  }

  /** A copy of one page, PAGE_BYTES long. */
  page(page: number): Buffer {
    const bytes = Buffer.alloc(PAGE_BYTES)
    bytes.set(this.#bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))
    return bytes
  }

  /** Sets what is set in the page. Bits past the disk's end are passed over. */
  mergePage(page: number, bytes: Uint8Array): void {
    assert(page >= 0 && page < bitmapPages(this.sizeBytes) && bytes.length === PAGE_BYTES, 'a page is one of the disk')
    const start = page * PAGE_BYTES
    for (let at = 0; at < PAGE_BYTES && (start + at) * 8 < this.blocks; at++) {
      const before = this.#bytes[start + at] ?? 0
      const onDisk = (1 << Math.min(8, this.blocks - (start + at) * 8)) - 1
      const fresh = (bytes[at] ?? 0) & onDisk & ~before
      if (fresh === 0) continue
      this.#bytes[start + at] = before | fresh
      this.#count += ones(fresh)
    }
  }

  /** Numbers of the pages that have a set bit. */
  pagesInUse(): number[] {
    const pages: number[] = []
    for (let block = this.next(0); block >= 0; block = this.next(((pages.at(-1) ?? 0) + 1) * BLOCKS_PER_PAGE))
      pages.push(Math.floor(block / BLOCKS_PER_PAGE))
    return pages
  }

  #put(block: number, value: boolean): void {
    if (this.has(block) === value) return
    const at = block >>> 3
    this.#bytes[at] = (this.#bytes[at] ?? 0) ^ (1 << (block & 7))
    this.#count += value ? 1 : -1
  }
}

/** Set bits of a word, counted pairwise. */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** The blocks that a range of at least one byte touches. */
export const blocksOf = (offset: number, length: number): BlockRun => ({
  first: Math.floor(offset / BLOCK_BYTES),
  last: Math.floor((offset + length - 1) / BLOCK_BYTES),
})

/** The stretches of a run whose blocks are such. */
export function runsWhere({ first, last }: BlockRun, isSuch: (block: number) => boolean): BlockRun[] {
  const runs: BlockRun[] = []
  for (let block = first; block <= last; block++) {
    if (!isSuch(block)) continue
    const open = runs.at(-1)
    if (open?.last === block - 1) runs[runs.length - 1] = { first: open.first, last: block }
    else runs.push({ first: block, last: block })
  }
  return runs
}

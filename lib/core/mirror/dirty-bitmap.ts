import { assert } from '../domain/assert'
import { BLOCK_BYTES } from '../domain/blocks'

export { BLOCK_BYTES }

/** Blocks of one disk that a replica lacks, or has but may not have on stable storage. */
export class DirtyBitmap {
  readonly #words: Uint32Array
  #count = 0
  readonly blocks: number

  constructor(readonly sizeBytes: number) {
    assert(Number.isSafeInteger(sizeBytes) && sizeBytes > 0, 'a disk has a size')
    this.blocks = Math.ceil(sizeBytes / BLOCK_BYTES)
    this.#words = new Uint32Array(Math.ceil(this.blocks / 32))
  }

  /** Number of blocks set. */
  get count(): number {
    return this.#count
  }

  has(block: number): boolean {
    return ((this.#words[block >>> 5] ?? 0) & (1 << (block & 31))) !== 0
  }

  /** Sets every block that the range touches. */
  mark(offset: number, length: number): void {
    if (length === 0) return
    const last = Math.floor((offset + length - 1) / BLOCK_BYTES)
    for (let block = Math.floor(offset / BLOCK_BYTES); block <= last; block++) this.#put(block, true)
  }

  markAll(): void {
    for (let block = 0; block < this.blocks; block++) this.#put(block, true)
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
    for (let block = 0; block < this.blocks; block++) if (other.has(block)) this.#put(block, true)
  }

  /** First set block at or after `from`, in disk order; -1 when there is none. */
  next(from: number): number {
    for (let block = Math.max(0, from); block < this.blocks; block++) {
      if ((block & 31) === 0 && this.#words[block >>> 5] === 0) block += 31
      else if (this.has(block)) return block
    }
    return -1
  }

  /** Byte range of `block`; the last one may be short. */
  range(block: number): { offset: number; length: number } {
    const offset = block * BLOCK_BYTES
    return { offset, length: Math.min(BLOCK_BYTES, this.sizeBytes - offset) }
  }

  #put(block: number, value: boolean): void {
    assert(block >= 0 && block < this.blocks, 'a block lies on the disk')
    if (this.has(block) === value) return
    const word = block >>> 5
    this.#words[word] = (this.#words[word] ?? 0) ^ (1 << (block & 31))
    this.#count += value ? 1 : -1
  }
}

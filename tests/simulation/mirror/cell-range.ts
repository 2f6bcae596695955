import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { DIGEST_BYTES } from '../../../lib/core/domain/replica-request'
import { CELL_BYTES } from '../../world/cells'

/** The cells that a range of bytes touches. */
export const cellRange = ({ offset, length }: { offset: number; length: number }): { first: number; count: number } => ({
  first: offset / CELL_BYTES,
  count: Math.ceil(length / CELL_BYTES),
})

const CELLS_PER_BLOCK = BLOCK_BYTES / CELL_BYTES

/** Equal for equal blocks and, but for one chance in 2^62, for those only. */
export function digests(cells: Int32Array): Buffer {
  const blocks = Math.ceil(cells.length / CELLS_PER_BLOCK)
  const bytes = Buffer.alloc(blocks * DIGEST_BYTES)
  for (let block = 0; block < blocks; block++) {
    let one = 0x811c9dc5
    let two = 0x2545f491
    for (let cell = block * CELLS_PER_BLOCK; cell < Math.min(cells.length, (block + 1) * CELLS_PER_BLOCK); cell++) {
      one = Math.imul(one ^ (cells[cell] ?? 0), 0x01000193) ^ (one >>> 15)
      two = Math.imul(two + (cells[cell] ?? 0), 0x5bd1e995) ^ (two >>> 13)
    }
    bytes.writeInt32LE(one | 0, block * DIGEST_BYTES)
    bytes.writeInt32LE(two | 0, block * DIGEST_BYTES + 4)
  }
  return bytes
}

import { assert } from '../../core/domain/assert'
import { PAGE_BYTES, type MemoryRange } from '../../ports/changed-memory'

/** What a scan may be asked; anything else is a bug. */
export function checkScan(ranges: readonly MemoryRange[], into: Buffer, sizeBytes: number): void {
  assert(into.length >= PAGE_BYTES, 'there is room for a page')
  const areInside = ranges.every(({ offset, length }) => offset >= 0 && length >= 0 && offset + length <= sizeBytes)
  const areWhole = ranges.every(({ offset, length }) => offset % PAGE_BYTES === 0 && length % PAGE_BYTES === 0)
  assert(areInside && areWhole, 'the ranges are pages of the memory')
}

/** Offset and length, one after the other. */
export const pairs = (ranges: readonly MemoryRange[]): Float64Array =>
  Float64Array.from(ranges.flatMap(({ offset, length }) => [offset, length]))

export function runsOf(numbers: Float64Array): MemoryRange[] {
  const runs: MemoryRange[] = []
  for (let at = 0; at + 1 < numbers.length; at += 2) runs.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 })
  return runs
}

/** The same pages in `count` shares of about the same size, in order. */
export function divide(ranges: readonly MemoryRange[], count: number): MemoryRange[][] {
  const bytes = ranges.reduce((sum, { length }) => sum + length, 0)
  const shareBytes = wholePages(bytes / Math.max(1, count))
  const shares: MemoryRange[][] = Array.from({ length: count }, () => [])
  let share = 0
  let room = shareBytes
  for (const range of ranges) {
    for (let { offset, length } = range; length > 0;) {
      if (room === 0 && share + 1 < count) {
        share++
        room = shareBytes
      }
      // What does not divide goes to the last.
      const part = share + 1 < count ? Math.min(length, room) : length
      shares[share]?.push({ offset, length: part })
      offset += part
      length -= part
      room -= part
    }
  }
  return shares
}

/** Pieces of whole pages. */
export function divideRoom(room: Buffer, count: number): Buffer[] {
  const each = wholePages(room.length / Math.max(1, count))
  return Array.from({ length: count }, (_, n) => room.subarray(n * each, (n + 1) * each))
}

const wholePages = (bytes: number): number => Math.floor(bytes / PAGE_BYTES) * PAGE_BYTES

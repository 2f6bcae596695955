import { BLOCK_BYTES, DirtyBitmap } from '../../../lib/core/mirror/dirty-bitmap'
import { Dice } from '../../world/prng'

test('the last block may be short, and a disk has at least one', () => {
  const bitmap = new DirtyBitmap(2 * BLOCK_BYTES + 512)
  expect(bitmap.blocks).toBe(3)
  expect(bitmap.range(1)).toEqual({ offset: BLOCK_BYTES, length: BLOCK_BYTES })
  expect(bitmap.range(2)).toEqual({ offset: 2 * BLOCK_BYTES, length: 512 })
  expect(() => new DirtyBitmap(0)).toThrow('a disk has a size')
  expect(() => bitmap.mark(2 * BLOCK_BYTES, BLOCK_BYTES + 1)).toThrow('a block lies on the disk')
  expect(() => bitmap.merge(new DirtyBitmap(BLOCK_BYTES))).toThrow('one size')
})

test('a range marks every block it touches, by as little as a byte; an empty one marks none', () => {
  const bitmap = new DirtyBitmap(4 * BLOCK_BYTES)
  bitmap.mark(BLOCK_BYTES, 0)
  expect(bitmap.count).toBe(0)
  bitmap.mark(BLOCK_BYTES - 1, 2)
  expect([0, 1, 2, 3].map((block) => bitmap.has(block))).toEqual([true, true, false, false])
  bitmap.mark(2 * BLOCK_BYTES, BLOCK_BYTES)
  expect(bitmap.count).toBe(3)
})

test('seeds 1 to 60: the same as a set of numbers', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const dice = new Dice(seed)
    const blocks = 1 + dice.below(200)
    const bitmap = new DirtyBitmap((blocks - 1) * BLOCK_BYTES + 1 + dice.below(BLOCK_BYTES))
    let set = new Set<number>()
    for (let turn = 0; turn < 150; turn += 1) {
      const act = dice.below(20)
      const offset = dice.below(bitmap.sizeBytes)
      const length = dice.chance(0.3) ? 0 : 1 + dice.below(Math.min(bitmap.sizeBytes - offset, 5 * BLOCK_BYTES))
      if (act === 0) {
        bitmap.clearAll()
        set = new Set()
      } else if (act === 1) {
        bitmap.markAll()
        set = new Set(Array.from({ length: blocks }, (_, block) => block))
      } else if (act === 2) {
        const other = new DirtyBitmap(bitmap.sizeBytes)
        other.mark(offset, length)
        bitmap.merge(other)
        for (let block = 0; block < blocks; block += 1) if (other.has(block)) set.add(block)
      } else if (act < 10) {
        const block = dice.below(blocks)
        bitmap.clear(block)
        set.delete(block)
      } else {
        bitmap.mark(offset, length)
        for (let byte = offset; byte < offset + length; byte += 512) set.add(Math.floor(byte / BLOCK_BYTES))
        if (length > 0) set.add(Math.floor((offset + length - 1) / BLOCK_BYTES))
      }
      const from = dice.below(blocks + 2) - 1
      const next = [...set].filter((block) => block >= from).sort((a, b) => a - b)[0] ?? -1
      expect({ seed, turn, count: bitmap.count, next: bitmap.next(from) }).toEqual({ seed, turn, count: set.size, next })
    }
  }
})

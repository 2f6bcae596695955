import { BLOCK_BYTES, BLOCKS_PER_PAGE, PAGE_BYTES } from '../../../lib/core/domain/blocks'
import { blocksOf, DirtyBitmap } from '../../../lib/core/domain/dirty-bitmap'
import { SEED } from '../../wire/seeded'
import { Dice } from '../../world/prng'

const PAGE_OF_DISK = BLOCK_BYTES * BLOCKS_PER_PAGE
/** Around a byte, a word and a page of the bitmap, with a last block that is whole and one that is not. */
const SIZES = [
  1,
  512,
  BLOCK_BYTES - 512,
  BLOCK_BYTES,
  BLOCK_BYTES + 512,
  8 * BLOCK_BYTES,
  31 * BLOCK_BYTES,
  32 * BLOCK_BYTES + 1,
].concat([33 * BLOCK_BYTES, 100 * BLOCK_BYTES - 1, PAGE_OF_DISK, PAGE_OF_DISK + 512, 2 * PAGE_OF_DISK - 512])

/** The second version is slow: of larger disks little is set. */
const MANY = 1000 * BLOCK_BYTES

/** The second version: a set of numbers. */
class Blocks {
  readonly set = new Set<number>()
  constructor(readonly sizeBytes: number) {}

  get all(): number {
    return Math.ceil(this.sizeBytes / BLOCK_BYTES)
  }

  *of(offset: number, length: number): Generator<number> {
    for (let block = Math.floor(offset / BLOCK_BYTES); block * BLOCK_BYTES < offset + length && length > 0; block++) yield block
  }

  next(from: number): number {
    return Math.min(...[...this.set].filter((block) => block >= from), Number.POSITIVE_INFINITY)
  }
}

function expectSame(bitmap: DirtyBitmap, blocks: Blocks, what: string): void {
  const listed: number[] = []
  for (let block = bitmap.next(0); block >= 0; block = bitmap.next(block + 1)) listed.push(block)
  expect({ what, listed, count: bitmap.count }).toEqual({
    ...{ what, count: blocks.set.size },
    listed: [...blocks.set].sort((a, b) => a - b),
  })
}

/** Some range of the disk: its ends are often those of blocks. */
function range(dice: Dice, sizeBytes: number): { offset: number; length: number } {
  const edge = (): number => {
    const block = dice.below(Math.ceil(sizeBytes / BLOCK_BYTES) + 1) * BLOCK_BYTES
    const place = dice.chance(0.5) ? block : block + dice.below(2 * BLOCK_BYTES) - BLOCK_BYTES
    return Math.max(0, Math.min(sizeBytes, place))
  }
  const near = sizeBytes > MANY || dice.chance(0.7)
  const from = Math.min(sizeBytes - 1, edge())
  const to = near ? from + dice.below(3 * BLOCK_BYTES) : edge()
  return { offset: Math.min(from, to), length: Math.min(sizeBytes, Math.max(from, to)) - Math.min(from, to) }
}

describe(`dirty bitmap (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test.each(SIZES)('a disk of %d bytes: as a set of blocks', (sizeBytes) => {
    const dice = new Dice(SEED + sizeBytes)
    const bitmap = new DirtyBitmap(sizeBytes)
    const blocks = new Blocks(sizeBytes)
    expect(bitmap.blocks).toBe(blocks.all)
    for (let step = 0; step < 120; step++) {
      const { offset, length } = range(dice, sizeBytes)
      const what = dice.of(['mark', 'mark', 'mark', 'clear', 'clear', 'clear', 'merge', 'all', 'none', 'page'])
      const block = dice.below(bitmap.blocks)
      if (what === 'all' && sizeBytes > MANY) continue
      if (what === 'mark') {
        bitmap.mark(offset, length)
        for (const one of blocks.of(offset, length)) blocks.set.add(one)
      } else if (what === 'clear') {
        bitmap.clear(block)
        blocks.set.delete(block)
      } else if (what === 'all') {
        bitmap.markAll()
        for (let one = 0; one < blocks.all; one++) blocks.set.add(one)
      } else if (what === 'none') {
        bitmap.clearAll()
        blocks.set.clear()
      } else {
        const other = new DirtyBitmap(sizeBytes)
        other.mark(offset, length)
        for (const one of blocks.of(offset, length)) blocks.set.add(one)
        if (what === 'merge') bitmap.merge(other)
        else for (const page of other.pagesInUse()) bitmap.mergePage(page, other.page(page))
      }
      expectSame(bitmap, blocks, `seed ${SEED}, size ${sizeBytes}, step ${step}: ${what} ${offset}+${length}, ${block}`)
      const asked = range(dice, sizeBytes)
      const touched = [...blocks.of(asked.offset, asked.length)].some((one) => blocks.set.has(one))
      expect(bitmap.touches(asked.offset, asked.length)).toBe(touched)
      expect(bitmap.has(block)).toBe(blocks.set.has(block))
      const next = bitmap.next(block)
      expect(next === -1 ? Number.POSITIVE_INFINITY : next).toBe(blocks.next(block))
    }
  })

  test('pages: as on stable storage, least significant bit first, and the last one has nothing past the end', () => {
    const bitmap = new DirtyBitmap(2 * PAGE_OF_DISK + 3 * BLOCK_BYTES - 512)
    bitmap.mark(9 * BLOCK_BYTES, 1)
    bitmap.mark((BLOCKS_PER_PAGE - 1) * BLOCK_BYTES, BLOCK_BYTES)
    bitmap.mark(2 * PAGE_OF_DISK + 2 * BLOCK_BYTES, 1)
    expect(bitmap.pagesInUse()).toEqual([0, 2])
    const [first, second, last] = [bitmap.page(0), bitmap.page(1), bitmap.page(2)]
    expect([first.length, second.length, last.length]).toEqual([PAGE_BYTES, PAGE_BYTES, PAGE_BYTES])
    expect([first[1], first[PAGE_BYTES - 1], last[0]]).toEqual([0b10, 0b1000_0000, 0b100])
    expect([first, second, last].map((page) => page.reduce((sum, byte) => sum + byte, 0))).toEqual([130, 0, 4])
    bitmap.markAll()
    expect([...bitmap.page(2).subarray(0, 2)]).toEqual([0b111, 0])

    const other = new DirtyBitmap(bitmap.sizeBytes)
    other.mergePage(2, Buffer.alloc(PAGE_BYTES, 0xff))
    expect(other.count).toBe(3)
    expect(() => other.mergePage(3, Buffer.alloc(PAGE_BYTES))).toThrow('page')
    expect(() => other.mergePage(0, Buffer.alloc(PAGE_BYTES - 1))).toThrow('page')
  })

  test('all and none of several pages', () => {
    for (const sizeBytes of SIZES) {
      const bitmap = new DirtyBitmap(sizeBytes)
      bitmap.markAll()
      const all = Math.ceil(sizeBytes / BLOCK_BYTES)
      expect([bitmap.count, bitmap.next(0), bitmap.next(all - 1), bitmap.next(all)]).toEqual([all, 0, all - 1, -1])
      bitmap.clear(all - 1)
      expect([bitmap.count, bitmap.next(all - 1)]).toEqual([all - 1, -1])
      bitmap.clearAll()
      expect([bitmap.count, bitmap.next(0), bitmap.pagesInUse()]).toEqual([0, -1, []])
    }
  })

  test('a page that is handed out is a copy', () => {
    const bitmap = new DirtyBitmap(BLOCK_BYTES)
    const page = bitmap.page(0)
    bitmap.markAll()
    expect(page[0]).toBe(0)
    page.fill(0)
    expect(bitmap.count).toBe(1)
  })

  test('a run of blocks ends with the disk', () => {
    const bitmap = new DirtyBitmap(3 * BLOCK_BYTES + 512)
    expect(bitmap.range({ first: 0, last: 0 })).toEqual({ offset: 0, length: BLOCK_BYTES })
    expect(bitmap.range({ first: 1, last: 2 })).toEqual({ offset: BLOCK_BYTES, length: 2 * BLOCK_BYTES })
    expect(bitmap.range({ first: 2, last: 3 })).toEqual({ offset: 2 * BLOCK_BYTES, length: BLOCK_BYTES + 512 })
    expect(blocksOf(BLOCK_BYTES - 1, 2)).toEqual({ first: 0, last: 1 })
    expect(blocksOf(BLOCK_BYTES, BLOCK_BYTES)).toEqual({ first: 1, last: 1 })
  })

  test('bitmaps of other disks, disks of no size and blocks past the end are bugs', () => {
    const bitmap = new DirtyBitmap(8 * BLOCK_BYTES)
    expect(() => bitmap.merge(new DirtyBitmap(9 * BLOCK_BYTES))).toThrow('one size')
    expect(() => new DirtyBitmap(0)).toThrow('size')
    expect(() => new DirtyBitmap(1.5)).toThrow('size')
    expect(() => bitmap.has(4096)).toThrow('disk')
  })
})

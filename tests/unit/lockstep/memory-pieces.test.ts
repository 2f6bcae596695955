import { bytePieces, memoryPieces } from '../../../lib/daemon/worker/lockstep/memory-pieces'
import { PAGE_BYTES, type ChangedPart } from '../../../lib/ports/changed-memory'
import { Dice } from '../../world/prng'

const PAGES = 64

/** Some runs of a memory of which each page has a number of its own. */
function parts(dice: Dice): ChangedPart[] {
  const all: ChangedPart[] = []
  for (let page = 0; page < PAGES;) {
    const runs = []
    for (let count = 1 + dice.below(4); count > 0 && page < PAGES; count--) {
      page += dice.below(3)
      const length = Math.min(1 + dice.below(9), PAGES - page)
      if (length > 0) runs.push({ offset: page * PAGE_BYTES, length: length * PAGE_BYTES })
      page += length + 1
    }
    const bytes = Buffer.concat(runs.map(({ offset, length }) => pages(offset, length)))
    all.push({ runs, bytes })
  }
  return all
}

const pages = (offset: number, length: number): Buffer =>
  Buffer.concat(Array.from({ length: length / PAGE_BYTES }, (_, n) => Buffer.alloc(PAGE_BYTES, offset / PAGE_BYTES + n + 1)))

test('pieces fit, are full, say the same as the parts, and do not change with them', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const dice = new Dice(seed)
    const bytesMax = (1 + dice.below(5)) * PAGE_BYTES
    const given = parts(dice)
    const pieces = memoryPieces(given, bytesMax)
    for (const { bytes } of given) bytes.fill(0)

    const found = pieces.flatMap(({ runs, data }) => {
      expect(data.equals(Buffer.concat(runs.map(({ offset, length }) => pages(offset, length))))).toBe(true)
      expect(data.length).toBeLessThanOrEqual(bytesMax)
      return runs.flatMap(({ offset, length }) => Array.from({ length: length / PAGE_BYTES }, (_, n) => offset / PAGE_BYTES + n))
    })
    const wanted = given.flatMap(({ runs }) =>
      runs.flatMap(({ offset, length }) => Array.from({ length: length / PAGE_BYTES }, (_, n) => offset / PAGE_BYTES + n)),
    )
    expect(found).toEqual(wanted)
    const least = given.reduce((count, { bytes }) => count + Math.ceil(bytes.length / bytesMax), 0)
    expect(pieces.length).toBe(least)
  }
})

test('bytes in pieces are the same bytes; of none there is none', () => {
  const bytes = new Dice(1).bytes(1000)
  for (const size of [1, 7, 999, 1000, 1001]) {
    const pieces = bytePieces(bytes, size)
    expect(Buffer.concat(pieces)).toEqual(bytes)
    expect(pieces.every(({ length }) => length > 0 && length <= size)).toBe(true)
  }
  expect(bytePieces(Buffer.alloc(0), 10)).toEqual([])
})

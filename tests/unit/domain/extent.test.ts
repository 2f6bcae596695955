import { extentsBetween, withDataIn, type Extent, type Range } from '../../../lib/core/domain/extent'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'

/** The second version: a letter for each byte. */
const spelled = (extents: readonly Extent[]): string =>
  extents.map(({ lengthBytes, hole, zero }) => (hole ? 'h' : zero ? 'z' : 'd').repeat(lengthBytes)).join('')

describe(`extents (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('between two places, from where data begin and end', () => {
    expect(spelled(extentsBetween(10, 16, []))).toBe('hhhhhh')
    expect(spelled(extentsBetween(10, 16, [10, 16]))).toBe('dddddd')
    expect(spelled(extentsBetween(10, 16, [11, 12, 14, 15]))).toBe('hdhhdh')
    expect(spelled(extentsBetween(10, 16, [10, 11, 15, 16]))).toBe('dhhhhd')
    expect(extentsBetween(10, 10, [])).toEqual([])
  })

  test('as letters: whatever is being changed may be data, and nothing else is told otherwise than before', () => {
    let cut = 0
    for (const seed of seeds(600)) {
      const dice = new Dice(seed)
      const extents = Array.from({ length: dice.below(6) }, () => ({
        ...{ lengthBytes: 1 + dice.below(5) },
        ...dice.of([
          { hole: true, zero: true },
          { hole: false, zero: true },
          { hole: false, zero: false },
        ]),
      }))
      const offset = dice.below(10)
      const ranges: Range[] = Array.from({ length: dice.below(5) }, () => ({ offset: dice.below(45), length: dice.below(9) }))
      const told = spelled(withDataIn(extents, offset, ranges))
      const expected = Array.from(spelled(extents), (letter, at) =>
        ranges.some((range) => range.offset <= offset + at && offset + at < range.offset + range.length) ? 'd' : letter,
      )
      expect({ seed, told }).toEqual({ seed, told: expected.join('') })
      if (told !== spelled(extents)) cut++
    }
    expect(cut).toBeGreaterThan(50)
  })
})

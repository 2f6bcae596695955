import { Numbered } from '../../../lib/core/domain/numbered'
import { SEED } from '../../wire/seeded'
import { Dice } from '../../world/prng'

/** As the numbers of requests come: most one after the other, some far away, some of one place in the table. */
const numberOf = (dice: Dice, next: number): number => dice.of([next, next, next + 16 * dice.below(64), next + 2 ** 33])

test.each(Array.from({ length: 40 }, (_, n) => SEED + n))('answers as a Map does (HOLDFAST_TEST_SEED=%d)', (seed) => {
  const dice = new Dice(seed)
  const numbered = new Numbered<string>()
  const map = new Map<number, string>()
  for (let next = 1; next < 1000; next++) {
    const number = numberOf(dice, next)
    if (!map.has(number)) {
      numbered.set(number, `of ${number}`)
      map.set(number, `of ${number}`)
    }
    const most = dice.of([2, 8, 100])
    while (map.size > most) {
      const gone = dice.of([...map.keys()])
      expect(numbered.take(gone)).toBe(map.get(gone))
      map.delete(gone)
      expect([numbered.take(gone), numbered.get(gone)]).toEqual([undefined, undefined])
    }
    expect(numbered.size).toBe(map.size)
    const any = dice.of([...map.keys()])
    expect(numbered.get(any)).toBe(map.get(any))
  }
  expect(numbered.entries()).toEqual([...map].sort(([one], [other]) => one - other))
})

test('a number that is none, or is used already, is a bug', () => {
  const numbered = new Numbered<string>()
  numbered.set(1, 'one')
  for (const wrong of [1, 0, -1, 1.5, Number.NaN]) expect(() => numbered.set(wrong, 'again')).toThrow()
})

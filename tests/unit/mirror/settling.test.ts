import { EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import { Settling } from '../../../lib/core/mirror/settling'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'

interface Flush {
  readonly before: number
  readonly ours: boolean
}
interface Change {
  readonly extent: number
  readonly number: number
  answered: boolean
}

describe(`settling (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('what is told was flushed on both after it was answered, and nothing is left out for ever', () => {
    let told = 0
    for (const seed of seeds(100)) {
      const dice = new Dice(seed)
      const limit = dice.of([4, 40, 400])
      const settling = new Settling<Flush>(limit)
      const changes: Change[] = []
      let flushes: Flush[] = []
      let number = 0
      let settled = 0
      const flush = (ours: boolean): void => {
        const before = changes.find(({ answered }) => !answered)?.number ?? number + 1
        const one = { before, ours }
        flushes.push(one)
        if (!settling.begins(one, before, ours)) return
        for (const { extent, answered } of changes) if (!answered) settling.changed(extent * EXTENT_BYTES, 1)
      }
      const end = (one: Flush, onBoth: boolean): void => {
        flushes = flushes.filter((each) => each !== one)
        const before = settling.ended(one, onBoth)
        if (before === null) return
        told++
        expect({ seed, onBoth, before }).toEqual({ seed, onBoth: true, before: one.before })
        settled = Math.max(settled, before)
      }
      for (let step = 0; step < 150; step++) {
        const what = dice.of(['change', 'change', 'answer', 'flush', 'end'])
        const open = changes.filter(({ answered }) => !answered)
        if (what === 'change') {
          const extent = dice.below(2 * limit)
          changes.push({ extent, number: ++number, answered: false })
          settling.changed(extent * EXTENT_BYTES + dice.below(EXTENT_BYTES), 1)
        } else if (what === 'answer' && open.length > 0) dice.of(open).answered = true
        else if (what === 'flush') flush(settling.isPressing)
        else if (flushes.length > 0) end(dice.of(flushes), dice.chance(0.8))
        const unsettled = new Set(changes.filter((change) => change.number >= settled).map(({ extent }) => extent))
        // So much has piled up that the logs could fill: somebody must see to it.
        if (unsettled.size >= limit && !settling.isPressing)
          expect(settling.hasUnsettled ? 'lazy' : 'under way').toBe('under way')
      }
      for (const { number: last } of changes.slice(-1)) expect(last).toBe(number)
      for (const change of changes) change.answered = true
      for (const one of flushes) end(one, true)
      for (let rounds = 0; rounds < 3 && settling.hasUnsettled; rounds++) {
        flush(true)
        for (const one of flushes) end(one, true)
      }
      expect({ seed, left: changes.filter((change) => change.number >= settled).length }).toEqual({ seed, left: 0 })
    }
    expect(told).toBeGreaterThan(100)
  })

  test('presses when a quarter of a log is touched, counting both ends of a change', () => {
    const settling = new Settling<string>(16)
    settling.changed(0, EXTENT_BYTES)
    settling.changed(0, 1)
    expect([settling.isPressing, settling.hasUnsettled]).toEqual([false, true])
    settling.changed(EXTENT_BYTES - 1, 2)
    settling.changed(7 * EXTENT_BYTES, 1)
    expect(settling.isPressing).toBe(false)
    settling.changed(9 * EXTENT_BYTES - 1, 1)
    expect(settling.isPressing).toBe(true)
    expect(settling.begins('one', 7, true)).toBe(true)
    expect([settling.isPressing, settling.hasUnsettled]).toEqual([false, false])
    expect(settling.begins('two', 8, true)).toBe(false)
    expect([settling.ended('two', true), settling.ended('one', true), settling.ended('one', true)]).toEqual([null, 7, null])
  })

  test("a guest's flush settles when it is worth it: many extents, or many flushes", () => {
    const settling = new Settling<number>(1000)
    settling.changed(0, 1)
    const begun = Array.from({ length: 130 }, (_, flush) => {
      const begins = settling.begins(flush, flush, false)
      if (begins) settling.ended(flush, true)
      return begins ? [flush] : []
    }).flat()
    expect(begun).toEqual([63, 127])
    settling.changed(0, 31 * EXTENT_BYTES)
    expect(settling.begins(200, 1, false)).toBe(false)
    settling.changed(31 * EXTENT_BYTES, 1)
    expect(settling.begins(201, 1, false)).toBe(true)
  })

  test('a flush that fails on one side settles nothing, and another one is due', () => {
    const settling = new Settling<string>(1000)
    settling.changed(0, 1)
    settling.begins('one', 5, true)
    expect(settling.ended('one', false)).toBeNull()
    expect([settling.isPressing, settling.hasUnsettled]).toEqual([true, true])
    settling.begins('two', 5, true)
    settling.ended('two', true)
    settling.joined(1)
    expect([settling.isPressing, settling.hasUnsettled]).toEqual([true, true])
  })

  test('what was noted before the replicas joined is cleared once, when the last request of that time is settled', () => {
    const settling = new Settling<number>(10)
    expect(settling.clears(1000)).toBe(false)
    settling.joined(7)
    expect([settling.isPressing, settling.hasUnsettled]).toEqual([true, true])
    expect([7, 8, 9].map((before) => settling.clears(before))).toEqual([false, true, false])
  })

  test('nothing is cleared when a replica was lost again, before both have joined anew', () => {
    const settling = new Settling<number>(10)
    settling.joined(7)
    settling.parted()
    expect(settling.clears(1000)).toBe(false)
    settling.joined(1001)
    expect([1001, 1002].map((before) => settling.clears(before))).toEqual([false, true])
  })
})

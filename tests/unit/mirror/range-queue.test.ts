import { RangeQueue } from '../../../lib/core/mirror/range-queue'
import { Dice } from '../../world/prng'

test('what overlaps waits its turn; what only touches, or is a flush, does not', () => {
  const queue = new RangeQueue()
  expect(queue.enter(1, 0, 100)).toBe(true)
  expect(queue.enter(2, 100, 100)).toBe(true)
  expect(queue.enter(3, 0, 0)).toBe(true)
  expect(queue.enter(4, 50, 100)).toBe(false)
  // Behind 4, although nothing that runs is in its way: 4 would otherwise be overtaken.
  expect(queue.enter(5, 140, 5)).toBe(false)
  expect(queue.leave(1)).toEqual([])
  expect(queue.leave(2)).toEqual([4])
  expect(queue.leave(4)).toEqual([5])
  expect(queue.leave(77)).toEqual([])
  expect(queue.size).toBe(2)
})

interface Entry {
  readonly id: number
  readonly offset: number
  readonly length: number
}

const overlap = (a: Entry, b: Entry): boolean => {
  for (let byte = a.offset; byte < a.offset + a.length; byte += 1) if (byte >= b.offset && byte < b.offset + b.length) return true
  return false
}

test('seeds 1 to 80: never two at once on one byte, each byte in order of arrival, and nothing waits for nothing', () => {
  for (let seed = 1; seed <= 80; seed += 1) {
    const dice = new Dice(seed)
    const queue = new RangeQueue()
    const present: Entry[] = []
    const running = new Set<number>()
    let id = 0
    for (let turn = 0; turn < 200; turn += 1) {
      if (dice.chance(0.55)) {
        const at = dice.chance(0.1) ? { offset: 0, length: 0 } : { offset: dice.below(30), length: 1 + dice.below(8) }
        const entry = { id: (id += 1), ...at }
        present.push(entry)
        if (queue.enter(entry.id, entry.offset, entry.length)) running.add(entry.id)
      } else if (running.size > 0) {
        const over = dice.of([...running])
        running.delete(over)
        present.splice(
          present.findIndex((entry) => entry.id === over),
          1,
        )
        for (const freed of queue.leave(over)) running.add(freed)
      }
      // An entry runs exactly when no earlier one that is still here shares a byte with it.
      const expected = present.filter((entry, at) => !present.slice(0, at).some((earlier) => overlap(earlier, entry)))
      expect({ seed, turn, running: [...running].sort((a, b) => a - b) }).toEqual({
        seed,
        turn,
        running: expected.map((e) => e.id),
      })
      expect(queue.size).toBe(present.length)
    }
  }
})

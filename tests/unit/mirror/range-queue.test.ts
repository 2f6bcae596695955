import { RangeQueue } from '../../../lib/core/mirror/range-queue'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'

interface Item {
  readonly name: number
  readonly request: { readonly offset: number; readonly length: number }
}

/** The second version: everything in order of arrival; one runs when no earlier one that is not over has a byte of it. */
class Line {
  #items: Item[] = []

  enter(item: Item): void {
    this.#items.push(item)
  }

  leave(item: Item): void {
    this.#items = this.#items.filter((one) => one !== item)
  }

  get running(): Item[] {
    return this.#items.filter((item, at) => !this.#items.slice(0, at).some((earlier) => shareByte(item, earlier)))
  }
}

function shareByte(a: Item, b: Item): boolean {
  for (let byte = a.request.offset; byte < a.request.offset + a.request.length; byte++) {
    if (byte >= b.request.offset && byte < b.request.offset + b.request.length) return true
  }
  return false
}

const names = (items: readonly Item[]): number[] => items.map(({ name }) => name).sort((a, b) => a - b)

describe(`range queue (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('as a line in which everybody looks at all before him', () => {
    let freed = 0
    for (const seed of seeds(100)) {
      const dice = new Dice(seed)
      const queue = new RangeQueue<Item>()
      const line = new Line()
      const space = 4 + dice.below(30)
      for (let step = 1; step < 120; step++) {
        const { running } = line
        if (running.length > 0 && dice.chance(0.48)) {
          const over = dice.of(running)
          line.leave(over)
          const free = queue.leave(over)
          freed += free.length
          expect({ seed, step, free: names(free) }).toEqual({
            seed,
            step,
            free: names(line.running.filter((item) => !running.includes(item))),
          })
          // Oldest first: what they are asked to do next is done in this order.
          expect(free.map(({ name }) => name)).toEqual(names(free))
        } else {
          const item = { name: step, request: { offset: dice.below(space), length: 1 + dice.below(dice.of([2, 6, space])) } }
          line.enter(item)
          const runs = queue.enter(item)
          expect({ seed, step, runs }).toEqual({ seed, step, runs: line.running.includes(item) })
        }
        expect({ seed, step, running: names(queue.running) }).toEqual({ seed, step, running: names(line.running) })
      }
    }
    expect(freed).toBeGreaterThan(500)
  })

  test('neighbours do not wait for each other, and a flush waits for nobody', () => {
    const queue = new RangeQueue<Item>()
    const item = (offset: number, length: number): Item => ({ name: 0, request: { offset, length } })
    expect([item(512, 512), item(0, 512), item(1024, 1), item(0, 0), item(1023, 1)].map((one) => queue.enter(one))).toEqual([
      ...[true, true, true, true, false],
    ])
  })
})

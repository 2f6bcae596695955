import { BLOCK_BYTES, EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import type { ReplicaRequest } from '../../../lib/core/domain/replica-request'
import type { Generations } from '../../../lib/core/domain/volume'
import type { KeeperEffect } from '../../../lib/core/replica/events'
import { Keeper } from '../../../lib/core/replica/keeper'
import { SEED } from '../../wire/seeded'
import { Dice } from '../../world/prng'
import { KeeperWorld } from './keeper-world'

const SIZE = 1000 * EXTENT_BYTES
const UNUSED: Generations = { current: '', bitmap: '', former: '', history: [] }
const PAIRED: Generations = { current: 'g1', bitmap: '', former: '', history: [] }
const ALONE: Generations = { current: 'g2', bitmap: 'g1', former: '', history: [] }

const keeper = (generations: Generations, hot: readonly number[] = [], sizeBytes = SIZE): Keeper =>
  new Keeper({ sizeBytes, state: 'up-to-date', generations, tracking: { hot, pages: new Map() } }, 8)
const zero = (extent: number, extents = 1): ReplicaRequest => ({
  ...{ kind: 'zero', offset: extent * EXTENT_BYTES, length: extents * EXTENT_BYTES, punch: false, fua: false },
})
const told = (effects: readonly KeeperEffect[]): string[] =>
  effects.map((effect) => {
    if (effect.do === 'save-hot') return `save-hot ${effect.extents.join(' ')}`
    if (effect.do === 'save-pages') return `save-pages ${[...effect.pages.keys()].join(' ')}`
    if (effect.do === 'save-head') return `save-head ${effect.change.generations?.current ?? ''}`
    return 'id' in effect ? `${effect.do} ${effect.id}` : effect.do
  })
/** One ask, and what comes of it. */
const ask = (of: Keeper, id: number, request: ReplicaRequest): string[] => told(of.apply({ on: 'ask', id, seq: id, request }))
const saved = (of: Keeper): string[] => told(of.apply({ on: 'saved' }))
const mark = (of: Keeper, id: number, generations: Generations | null, bits: 'keep' | 'all' | 'none'): string[] =>
  ask(of, id, { kind: 'mark', offset: 0, length: 0, mark: { ...(generations === null ? {} : { generations }), bits } })

describe('before a change reaches the device', () => {
  test('its extents are in the log on stable storage', () => {
    const it = keeper(PAIRED)
    expect(ask(it, 1, zero(3, 2))).toEqual(['save-hot 3 4'])
    expect(ask(it, 2, zero(3))).toEqual([])
    expect(it.admits(4 * EXTENT_BYTES, 512, 3)).toBe(false)
    expect(saved(it)).toEqual(['perform 1', 'perform 2'])
    expect(it.admits(4 * EXTENT_BYTES, 512, 4)).toBe(true)
  })

  test('nothing is noted of a replica that nobody mirrors to, and reads and flushes wait for nothing', () => {
    const unused = keeper(UNUSED)
    expect(ask(unused, 1, zero(3))).toEqual(['perform 1'])
    const it = keeper(PAIRED)
    ask(it, 1, zero(3))
    expect(ask(it, 2, { kind: 'read', offset: 3 * EXTENT_BYTES, length: 512 })).toEqual(['perform 2'])
    expect(ask(it, 3, { kind: 'flush', offset: 0, length: 0 })).toEqual(['perform 3'])
    expect(ask(it, 4, { kind: 'hash', offset: 0, length: BLOCK_BYTES })).toEqual(['perform 4'])
  })

  test('those that came meanwhile enter together, and the last extent ends with the disk', () => {
    const it = keeper(PAIRED, [], 10 * EXTENT_BYTES + 512)
    ask(it, 1, zero(1))
    ask(it, 2, zero(5))
    ask(it, 3, { kind: 'zero', offset: 10 * EXTENT_BYTES, length: 512, punch: false, fua: false })
    expect(saved(it)).toEqual(['perform 1', 'save-hot 1 5 10'])
    expect(saved(it)).toEqual(['perform 2', 'perform 3'])
  })

  test('stable storage no longer calls the replica whole, when it becomes a mixture', () => {
    const it = keeper(PAIRED)
    ask(it, 1, zero(3))
    saved(it)
    expect(ask(it, 2, { kind: 'mark', offset: 0, length: 0, mark: { state: 'inconsistent', bits: 'keep' } })).toEqual([
      'save-head ',
    ])
    expect(it.admits(3 * EXTENT_BYTES, 512, 3)).toBe(false)
    expect(ask(it, 4, zero(3))).toEqual([])
    expect(ask(it, 5, { kind: 'read', offset: 3 * EXTENT_BYTES, length: 512 })).toEqual(['perform 5'])
    expect(ask(it, 6, zero(9))).toEqual([])
    expect(saved(it)).toEqual(['marked 2', 'perform 4', 'save-hot 3 9'])
    expect(it.admits(3 * EXTENT_BYTES, 512, 7)).toBe(true)
    expect(saved(it)).toEqual(['perform 6'])
  })

  test('a full log waits for what is not settled', () => {
    const it = keeper(PAIRED)
    for (const id of [1, 2, 3, 4, 5, 6, 7, 8]) {
      ask(it, id, zero(10 * id))
      saved(it)
    }
    expect(ask(it, 9, zero(500))).toEqual([])
    expect(told(it.apply({ on: 'idle' }))).toEqual([])
    expect(told(it.apply({ on: 'hint', hint: { kind: 'settled', before: 1 } }))).toEqual([])
    expect(told(it.apply({ on: 'hint', hint: { kind: 'settled', before: 3 } }))).toEqual(['save-hot 30 40 50 60 70 80 500'])
    expect(saved(it)).toEqual(['perform 9'])
  })
})

describe('alone', () => {
  test('a full log leaves through the bitmap, which is saved first', () => {
    const it = keeper(ALONE)
    for (const id of [1, 2, 3, 4, 5, 6, 7, 8]) {
      ask(it, id, zero(10 * id))
      saved(it)
    }
    expect(it.bits.count).toBe(8 * 64)
    expect(told(it.apply({ on: 'hint', hint: { kind: 'settled', before: 9 } }))).toEqual([])
    expect(ask(it, 9, zero(600))).toEqual(['save-pages 0'])
    expect(saved(it)).toEqual(['save-hot 600'])
    expect(saved(it)).toEqual(['perform 9'])
  })

  test('nothing is settled, and what was said meanwhile does not count afterwards', () => {
    const it = keeper(ALONE)
    ask(it, 1, zero(3))
    saved(it)
    it.apply({ on: 'hint', hint: { kind: 'settled', before: 2 } })
    mark(it, 2, PAIRED, 'keep')
    expect(saved(it)).toEqual(['marked 2'])
    expect(told(it.apply({ on: 'idle' }))).toEqual([])
    it.apply({ on: 'hint', hint: { kind: 'settled', before: 2 } })
    expect(told(it.apply({ on: 'idle' }))).toEqual(['save-hot '])
  })

  test('what was on its way when the other one was lost is noted too', () => {
    const it = keeper(PAIRED)
    ask(it, 1, zero(3))
    saved(it)
    ask(it, 2, zero(7))
    saved(it)
    it.apply({ on: 'hint', hint: { kind: 'settled', before: 2 } })
    expect(mark(it, 3, ALONE, 'keep')).toEqual(['save-head g2'])
    expect(saved(it)).toEqual(['marked 3'])
    expect([it.bits.count, it.bits.next(0)]).toEqual([64, 7 * 64])
  })
})

describe('a mark', () => {
  test('is made after the bitmap that it speaks of, when every block may differ', () => {
    const it = keeper(ALONE)
    expect(mark(it, 1, null, 'all')).toEqual(['save-pages 0 1'])
    expect(saved(it)).toEqual(['save-head '])
    expect(saved(it)).toEqual(['marked 1'])
    expect(it.bits.count).toBe(it.bits.blocks)
  })

  test('is made before the bitmap is cleared, when no block does', () => {
    const it = keeper(ALONE)
    ask(it, 1, zero(600))
    saved(it)
    expect(mark(it, 2, PAIRED, 'none')).toEqual(['save-head g1'])
    expect(saved(it)).toEqual(['marked 2', 'save-pages 1'])
    expect(it.bits.count).toBe(0)
  })

  test('that gives a replica its first history notes all of it', () => {
    const it = keeper(UNUSED)
    expect(mark(it, 1, ALONE, 'keep')).toEqual(['save-pages 0 1'])
    expect(it.bits.count).toBe(it.bits.blocks)
  })

  test('that ends its history ends the record, from when it is saved; what waited goes on', () => {
    const it = keeper(PAIRED)
    for (const id of [1, 2, 3, 4, 5, 6, 7, 8]) {
      ask(it, id, zero(10 * id))
      saved(it)
    }
    expect(ask(it, 9, zero(500))).toEqual([])
    expect(mark(it, 10, UNUSED, 'none')).toEqual(['save-head '])
    expect(ask(it, 11, zero(600))).toEqual([])
    expect(saved(it)).toEqual(['marked 10', 'perform 9', 'perform 11'])
    expect(ask(it, 12, zero(700))).toEqual(['perform 12'])
  })
})

describe('what both have', () => {
  test('blocks that are clean are forgotten on stable storage in portions, or when nobody asks', () => {
    const it = keeper(ALONE)
    mark(it, 1, null, 'all')
    saved(it)
    saved(it)
    const clean = (first: number, last: number): string[] =>
      told(it.apply({ on: 'hint', hint: { kind: 'clean', runs: [{ first, last }] } }))
    expect(clean(0, 1022)).toEqual([])
    expect(clean(0, 1022)).toEqual([])
    expect(clean(40_000, 40_000)).toEqual(['save-pages 0 1'])
    saved(it)
    expect(clean(2000, 2000)).toEqual([])
    expect(told(it.apply({ on: 'idle' }))).toEqual(['save-pages 0'])
    expect(clean(it.bits.blocks - 1, it.bits.blocks + 10)).toEqual([])
    expect(it.bits.count).toBe(it.bits.blocks - 1026)
  })

  test('what is clean is forgotten with the next mark, before it is made', () => {
    const it = keeper(PAIRED)
    mark(it, 1, null, 'all')
    saved(it)
    saved(it)
    it.apply({ on: 'hint', hint: { kind: 'clean', runs: [{ first: 0, last: 7 }] } })
    expect(mark(it, 2, ALONE, 'keep')).toEqual(['save-pages 0'])
    expect(saved(it)).toEqual(['save-head g2'])
    expect(saved(it)).toEqual(['marked 2'])
    expect([it.bits.has(7), it.bits.has(8)]).toEqual([false, true])
    expect(mark(it, 3, null, 'keep')).toEqual(['save-head '])
  })

  test('at rest the log is emptied, once all of it is settled', () => {
    const it = keeper(PAIRED)
    ask(it, 1, zero(3))
    saved(it)
    expect(told(it.apply({ on: 'idle' }))).toEqual([])
    it.apply({ on: 'hint', hint: { kind: 'settled', before: 2 } })
    expect(told(it.apply({ on: 'idle' }))).toEqual(['save-hot '])
    // Not relied upon any more, though stable storage still has it.
    expect(ask(it, 2, zero(3))).toEqual([])
    expect(saved(it)).toEqual(['save-hot 3'])
  })
})

describe('another primary', () => {
  test('finds in the bitmap what the old one left open', () => {
    const it = keeper(PAIRED, [3, 600])
    expect(told(it.apply({ on: 'new-primary' }))).toEqual(['save-pages 0 1'])
    expect(saved(it)).toEqual(['save-hot '])
    expect(saved(it)).toEqual(['ready'])
    expect([it.bits.count, it.bits.next(0), it.bits.next(4 * 64)]).toEqual([128, 3 * 64, 600 * 64])
  })

  test('does not get what the old one still waited for', () => {
    const it = keeper(PAIRED)
    ask(it, 1, zero(3))
    expect(told(it.apply({ on: 'new-primary' }))).toEqual(['cancel 1'])
    expect(saved(it)).toEqual(['save-hot '])
    expect(saved(it)).toEqual(['ready'])
    expect(it.bits.count).toBe(0)
  })

  test('is told that all may differ when the record was lost, once', () => {
    const it = new Keeper({ sizeBytes: SIZE, state: 'up-to-date', generations: PAIRED, tracking: 'lost' })
    expect(told(it.apply({ on: 'new-primary' }))).toEqual(['save-pages 0 1'])
    saved(it)
    expect(saved(it)).toEqual(['ready'])
    expect(it.bits.count).toBe(it.bits.blocks)
    expect(told(it.apply({ on: 'new-primary' }))).toEqual(['ready'])
  })

  test('the same one again: what waited is asked again', () => {
    const it = keeper(PAIRED)
    ask(it, 1, zero(3))
    expect(told(it.apply({ on: 'link-lost' }))).toEqual(['cancel 1'])
    expect(saved(it)).toEqual([])
    expect(ask(it, 2, zero(3))).toEqual(['perform 2'])
  })
})

describe(`room in the log (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('a change that waits is not overtaken for ever, whatever the guest keeps busy', () => {
    for (let seed = SEED; seed < SEED + 12; seed++) {
      const dice = new Dice(seed)
      const limit = dice.of([8, 16])
      const world = new KeeperWorld(SIZE, limit, { hot: [], pages: new Map(), state: 'up-to-date', generations: PAIRED })
      world.newPrimary()
      while (world.saved());
      const busy = Array.from({ length: limit }, (_, n) => 3 * n)
      const flushSteps = 8 * limit
      const depth = dice.of([1, 4, 16])
      let before = 0
      let longest = 0
      const since = new Map<number, number>()
      for (let step = 0; step < 1600; step++) {
        // The guest rewrites what is hot, and now and then wants something else.
        const extent = dice.chance(0.02) ? 500 + dice.below(400) : dice.of(busy)
        if (world.waiting.size < depth)
          world.change(extent * EXTENT_BYTES, dice.chance(0.05) ? 2 * EXTENT_BYTES : 4096, dice.chance(0.5))
        if (dice.chance(0.5)) world.saved()
        // By the time that a flush is done, everything has been changed again.
        if (step % flushSteps === 0) {
          world.hint({ kind: 'settled', before })
          before = world.answeredBefore
        }
        for (const id of since.keys()) if (!world.waiting.has(id)) since.delete(id)
        for (const id of world.waiting.keys()) {
          const waits = step - (since.get(id) ?? step)
          since.set(id, since.get(id) ?? step)
          longest = Math.max(longest, waits)
        }
      }
      expect({ seed, tooLong: longest > 6 * flushSteps ? longest : 0 }).toEqual({ seed, tooLong: 0 })
    }
  })

  test('a guest that stays in what fits costs no save, and one that writes in order one in eight extents', () => {
    const world = new KeeperWorld(SIZE, 400, { hot: [], pages: new Map(), state: 'up-to-date', generations: PAIRED })
    world.newPrimary()
    for (let extent = 0; extent < 300; extent++) {
      world.change(extent * EXTENT_BYTES, 4096, false)
      world.saved()
    }
    expect(world.saves).toBeLessThan(300 / 8 + 3)
    const { saves } = world
    for (let extent = 0; extent < 300; extent++) world.change(extent * EXTENT_BYTES, 4096, true)
    expect(world.saves).toBe(saves)
  })
})

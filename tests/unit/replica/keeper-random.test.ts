import { BLOCK_BYTES, EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'
import { KeeperWorld, names } from './keeper-world'

const LIVES = 90
const STEPS = 250
const PAGE_EXTENTS = 512
/** A little more than a page of the bitmap, and the last block is short. */
const SIZE = (PAGE_EXTENTS + 6) * EXTENT_BYTES + 3 * BLOCK_BYTES + 512
const BLOCKS = Math.ceil(SIZE / BLOCK_BYTES)
const EXTENTS = Math.ceil(SIZE / EXTENT_BYTES)

interface Habits {
  readonly dice: Dice
  readonly places: readonly number[]
  readonly crash: number
}

/** Offset and length of a change: often small, seldom across several extents, never past the end. */
function someRange({ dice, places }: Habits): [number, number] {
  const offset = dice.of(places) * EXTENT_BYTES + dice.below(64) * BLOCK_BYTES
  const length = dice.chance(0.8) ? 1 + dice.below(3 * BLOCK_BYTES) : 1 + dice.below(2 * EXTENT_BYTES)
  const from = Math.min(offset, SIZE - 1)
  return [from, Math.min(length, SIZE - from)]
}

function act(world: KeeperWorld, habits: Habits, generation: () => string): string {
  const { dice } = habits
  if (dice.chance(habits.crash)) {
    world.crash(dice.chance(0.5))
    return 'crash'
  }
  const { current, bitmap } = world.keeper.generations
  const what = dice.of([
    'change',
    'change',
    'change',
    'change',
    'saved',
    'saved',
    'saved',
    'settled',
    'idle',
    'clean',
    'mark',
    'link',
    'primary',
  ])
  switch (what) {
    case 'change':
      world.change(...someRange(habits), dice.chance(0.5))
      break
    case 'saved':
      world.saved()
      break
    case 'settled':
      world.hint({ kind: 'settled', before: dice.below(world.answeredBefore + 1) })
      break
    case 'idle':
      world.apply({ on: 'idle' })
      break
    case 'clean': {
      const first = dice.of(habits.places) * 64
      world.hint({
        kind: 'clean',
        runs: [
          { first, last: first + dice.below(200) },
          { first: 0, last: dice.below(3) },
        ],
      })
      break
    }
    case 'link':
      if (dice.chance(0.2)) world.linkLost()
      break
    case 'primary':
      if (dice.chance(0.1)) world.newPrimary()
      break
    case 'mark':
      if (current === '')
        world.mark({
          state: 'up-to-date',
          generations: { current: generation(), bitmap: generation(), former: '', history: [] },
          bits: 'keep',
        })
      else if (bitmap === '')
        world.mark({
          state: dice.of(['up-to-date', 'up-to-date', 'inconsistent']),
          generations: { current: generation(), bitmap: current, former: '', history: [] },
          bits: dice.of(['keep', 'keep', 'all']),
        })
      else if (dice.chance(0.1)) world.mark({ generations: { current: '', bitmap: '', former: '', history: [] }, bits: 'none' })
      else if (dice.chance(0.5)) {
        world.mark({ generations: { current, bitmap: '', former: '', history: [bitmap] }, bits: 'keep' })
        // What was noted alone is forgotten when both have it on stable storage.
        if (dice.chance(0.5)) world.hint({ kind: 'settled', before: world.answeredBefore })
      } else world.mark({ state: dice.of(['up-to-date', 'inconsistent']), bits: dice.of(['keep', 'all']) })
      if (world.mayForget && dice.chance(0.3)) world.mark({ bits: 'none' })
  }
  return what
}

function live(seed: number): { story: string[]; trouble: string; saves: number } {
  const dice = new Dice(seed)
  const habits = { dice, crash: dice.of([0, 0.005, 0.05]), places: Array.from({ length: 3 + dice.below(12) }, () => place(dice)) }
  const generations = { current: dice.of(['', 'g1']), bitmap: '', former: '', history: [] }
  const found = dice.chance(0.1)
    ? 'lost'
    : { hot: [], pages: new Map<number, Buffer>(), state: 'up-to-date' as const, generations }
  const world = new KeeperWorld(SIZE, dice.of([8, 10, 24]), found)
  let last = 1
  const story: string[] = []
  try {
    world.newPrimary()
    for (let step = 0; step < STEPS; step++) story.push(act(world, habits, () => `g${++last}`))
    story.push('in peace')
    comeToRest(world)
    return { story, trouble: '', saves: world.saves }
  } catch (error) {
    return { story, trouble: String(error), saves: world.saves }
  }
}

/** With no further trouble everything that waits is done, and stable storage names what may differ and no more. */
function comeToRest(world: KeeperWorld): void {
  const rest = (): void => {
    while (world.saved());
    if (world.waiting.size > 0) world.hint({ kind: 'settled', before: world.answeredBefore })
  }
  for (let rounds = 0; rounds < 100 && (world.waiting.size > 0 || world.saving !== null); rounds++) rest()
  if (world.waiting.size > 0) throw new Error(`${world.waiting.size} changes wait for ever`)
  if (world.marks.length > 0) throw new Error('a mark was not made')
  world.hint({ kind: 'settled', before: world.answeredBefore })
  for (let rounds = 0; rounds < 3; rounds++) {
    world.apply({ on: 'idle' })
    rest()
  }
  if (world.keeper.generations.current === '') return
  if (world.stored.hot.length > 0) throw new Error('at rest, and extents are hot')
  for (let block = 0; block < BLOCKS; block++) {
    const isNamed = names(world.stored, block)
    if (isNamed && !world.keeper.bits.has(block)) throw new Error(`at rest, and block ${block} is named for nothing`)
    if (!isNamed && world.open.has(block)) throw new Error(`at rest, and block ${block} is not named`)
  }
}

const place = (dice: Dice): number =>
  dice.of([0, 1, 2, 3, PAGE_EXTENTS - 2, PAGE_EXTENTS - 1, PAGE_EXTENTS, EXTENTS - 2, EXTENTS - 1, dice.below(EXTENTS)])

describe(`a keeper (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test(`${LIVES} lives: whatever may differ is named on stable storage at any moment`, () => {
    let saves = 0
    for (const seed of seeds(LIVES)) {
      const life = live(seed)
      if (life.trouble !== '')
        throw new Error(`seed ${seed}, step ${life.story.length}: ${life.story.slice(-12).join(', ')}: ${life.trouble}`)
      saves += life.saves
    }
    expect(saves).toBeGreaterThan(10 * LIVES)
  })
})

import { createHash } from 'node:crypto'
import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { DirtyBitmap } from '../../../lib/core/domain/dirty-bitmap'
import { DIGEST_BYTES } from '../../../lib/core/domain/replica-request'
import { Replica } from '../../../lib/core/mirror/replica'
import { type DifferingRun, rulesOut, SplitComparison, splitOf } from '../../../lib/core/mirror/split'
import { Dice } from '../../world/prng'

const BLOCKS = 100
/** The last block is short. */
const SIZE = BLOCKS * BLOCK_BYTES - 4096

function bitmap(...blocks: number[]): DirtyBitmap {
  const bits = new DirtyBitmap(SIZE)
  for (const block of blocks) bits.mark(block * BLOCK_BYTES, 1)
  return bits
}

/** What stands for the digests of a disk: one number for each block. */
const digests = (disk: readonly number[], first: number, last: number): Buffer =>
  Buffer.concat(
    disk.slice(first, last + 1).map((content) => createHash('sha256').update(String(content)).digest().subarray(0, DIGEST_BYTES)),
  )

function compared(comparison: SplitComparison, serving: readonly number[], refused: readonly number[]) {
  const found: DifferingRun[] = []
  const looked: number[] = []
  for (let next = comparison.next(); next !== null; next = comparison.next()) {
    const { first, last } = next.run
    expect({ offset: next.offset, end: next.offset + next.length }).toEqual({
      offset: first * BLOCK_BYTES,
      end: Math.min(SIZE, (last + 1) * BLOCK_BYTES),
    })
    for (let block = first; block <= last; block++) looked.push(block)
    found.push(...comparison.compared(next.run, digests(serving, first, last), digests(refused, first, last)))
  }
  return { found, looked }
}

test.each(Array.from({ length: 50 }, (_, n) => n + 1))(
  'seed %i: what either noted is looked at, what differs is found with its writer',
  (seed) => {
    const dice = new Dice(seed)
    const disks = { serving: Array<number>(BLOCKS).fill(0), refused: Array<number>(BLOCKS).fill(0) }
    const changed = { serving: bitmap(), refused: bitmap() }
    const writers = Array.from({ length: BLOCKS }, () => new Set<string>())
    for (const side of ['serving', 'refused'] as const)
      for (let n = dice.below(40); n > 0; n--) {
        const block = dice.below(BLOCKS)
        changed[side].mark(block * BLOCK_BYTES, 1)
        disks[side][block] = dice.below(3)
        writers[block]?.add(side)
      }
    const comparison = new SplitComparison(SIZE, changed)
    const { found, looked } = compared(comparison, disks.serving, disks.refused)
    expect(looked).toEqual(writers.flatMap((by, block) => (by.size > 0 ? [block] : [])))
    expect(comparison.doneBytes).toBe(comparison.totalBytes)
    const expected = writers.flatMap((by, block) =>
      disks.serving[block] === disks.refused[block] ? [] : [{ block, by: by.size === 2 ? 'both' : [...by].join() }],
    )
    const told = found.flatMap(({ first, last, by }) =>
      Array.from({ length: last - first + 1 }, (_, n) => ({ block: first + n, by })),
    )
    expect(told).toEqual(expected)
  },
)

test('where the notes do not tell all, the whole disk is looked at and nobody is named', () => {
  const serving = Array<number>(BLOCKS).fill(0)
  const refused = serving.map((content, block) => (block === 7 || block === 99 ? 1 : content))
  const { found, looked } = compared(new SplitComparison(SIZE, null), serving, refused)
  expect(looked).toHaveLength(BLOCKS)
  expect(found).toEqual([
    { first: 7, last: 7, by: 'unknown' },
    { first: 99, last: 99, by: 'unknown' },
  ])
})

describe('a split is', () => {
  const replicas = (rule: string | null, bits: DirtyBitmap | null = bitmap(1)): Record<'local' | 'peer', Replica> => {
    const [local, peer] = [new Replica(SIZE), new Replica(SIZE)]
    local.become('member')
    peer.dirty.clearAll()
    peer.dirty.mark(2 * BLOCK_BYTES, 1)
    peer.bits = bits
    if (rule !== null) peer.refused = { rule }
    return { local, peer }
  }
  test('none where nothing is refused', () => expect(splitOf(replicas(null))).toBeNull())
  test('none while no replica serves', () => {
    const { local, peer } = replicas('both-wrote-since')
    local.become('out')
    expect(splitOf({ local, peer })).toBeNull()
  })
  test('told by both bitmaps when they count from one generation', () => {
    const split = splitOf(replicas('both-wrote-since'))
    expect(split).toMatchObject({ rule: 'both-wrote-since', refused: 'peer' })
    expect([split?.changed?.serving.next(0), split?.changed?.refused.next(0)]).toEqual([2, 1])
  })
  test.each(['common-ancestor', 'crossed', 'claim-contradicts-history', 'unrelated'])('told by no bitmap by rule %s', (rule) =>
    expect(splitOf(replicas(rule))).toEqual({ rule, refused: 'peer', changed: null }),
  )
})

describe('two that have not met are told by their heads', () => {
  const history = (current: string, bitmap: string, state: 'up-to-date' | 'inconsistent' = 'up-to-date') => ({
    ...{ state, generations: { current, bitmap, former: '', history: [] } },
  })
  test.each([
    ['g2', 'g1', 'g3', 'g1', false, 'both-wrote-since'],
    ['g1', '', 'g1', '', false, null],
    ['g2', 'g1', 'g1', '', false, null],
    ['g1', '', 'g2', 'g1', false, 'claim-contradicts-history'],
    ['g1', '', 'g2', 'g1', true, null],
    ['g1', '', 'g2', '', false, 'unrelated'],
    ['', '', '', '', false, null],
  ] as const)('%s<%s and %s<%s, the other listed: %s: %s', (current, bitmap, theirs, theirBitmap, listed, rule) =>
    expect(rulesOut(history(current, bitmap), history(theirs, theirBitmap), listed)).toBe(rule),
  )
})

import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'
import { CELLS_PER_BLOCK, PairOfDisks } from './pair-of-disks'

const STORIES = 40
const STEPS = 160

function some(dice: Dice, below: number, chance: number): number[] {
  return Array.from({ length: below }, (_, n) => n).filter(() => dice.chance(chance))
}

/** Two members that differ where that is noted; the guest goes on, the peer is lost and comes back, in any order. */
function play(seed: number): { pair: PairOfDisks; absences: number } {
  const dice = new Dice(seed)
  const pair = new PairOfDisks((1 + dice.below(24)) * BLOCK_BYTES + dice.of([512, BLOCK_BYTES]), dice)
  const cells = Math.ceil(pair.sizeBytes / (BLOCK_BYTES / CELLS_PER_BLOCK))
  const noted = some(dice, pair.blocks, dice.of([0, 0.3, 1]))
  for (const block of noted)
    if (dice.chance(0.7)) pair.disks.peer.fill(255, block * BLOCK_BYTES, Math.min(pair.sizeBytes, (block + 1) * BLOCK_BYTES))
  pair.up(
    'local',
    noted.filter(() => dice.chance(0.5)),
  )
  pair.up('peer', noted)
  // Of what the local one alone had noted, too, the peer was told above.
  let absences = 0
  const isWild = dice.chance(0.5)
  for (let step = 0; step < STEPS; step++) {
    const first = dice.below(cells)
    const length = 1 + dice.below(Math.min(cells - first, 6))
    const what = dice.of([
      'write',
      'write',
      'read',
      'read',
      'flush',
      'idle',
      'allow',
      'verify',
      'peer',
      ...Array<string>(10).fill('step'),
    ])
    if (what === 'step') pair.step()
    else if (what === 'write' && pair.unanswered < 16) pair.write(first, length, dice.chance(0.2))
    else if (what === 'read' && pair.unanswered < 16) pair.read(first, length)
    else if (what === 'flush' && pair.unanswered < 16) pair.flush()
    else if (what === 'idle') pair.apply({ on: 'idle' })
    else if (what === 'allow') pair.apply({ on: 'allow', bytes: dice.of([0, BLOCK_BYTES, 1e9]) })
    else if (what === 'verify' && dice.chance(0.2)) pair.apply({ on: 'verify', repair: dice.chance(0.5) })
    else if (what === 'peer' && isWild && dice.chance(0.5)) {
      if (pair.isUp('peer')) {
        pair.lost('peer')
        absences++
      } else pair.up('peer', [])
    }
  }
  if (!pair.isUp('peer')) pair.up('peer', [])
  for (let rounds = 0; rounds < 50; rounds++) {
    pair.apply({ on: 'allow', bytes: 1e12 })
    pair.apply({ on: 'idle' })
    while (pair.step());
  }
  return { pair, absences }
}

describe(`beside the guest's requests (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test(`${STORIES} stories: no read is old, all is answered, both disks end as the guest left them`, () => {
    let absences = 0
    for (const seed of seeds(STORIES)) {
      let played: ReturnType<typeof play>
      try {
        played = play(seed)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
      const { pair } = played
      absences += played.absences
      const { local, peer } = pair.disks
      const end = {
        seed,
        unanswered: pair.unanswered,
        isWhole: pair.isWhole,
        peer: peer.equals(local),
        local: local.equals(pair.expected),
      }
      expect(end).toEqual({ seed, unanswered: 0, isWhole: true, peer: true, local: true })
      if (seed % 5 === 0) verified(pair, new Dice(seed))
    }
    expect(absences).toBeGreaterThan(STORIES / 4)
  })
})

/** What rots on one disk is found by a verify, and mended from the other one by a repair. */
function verified(pair: PairOfDisks, dice: Dice): void {
  const rotten = some(dice, pair.blocks, 0.2)
  for (const block of rotten)
    pair.disks.peer.fill(pair.disks.peer[block * BLOCK_BYTES] === 7 ? 8 : 7, block * BLOCK_BYTES, block * BLOCK_BYTES + 1)
  const verify = (repair: boolean): number[] => {
    pair.differ.length = 0
    pair.verified.length = 0
    pair.apply({ on: 'verify', repair })
    while (pair.step());
    expect(pair.verified).toEqual([''])
    return pair.differ.sort((a, b) => a - b)
  }
  expect(verify(false)).toEqual(rotten)
  expect(verify(true)).toEqual(rotten)
  expect(verify(false)).toEqual([])
  expect(pair.disks.peer.equals(pair.expected)).toBe(true)
}

import { SIDES } from '../../../lib/core/mirror/events'
import { SEED } from '../../wire/seeded'
import { Dice } from '../../world/prng'
import { CELLS_PER_BLOCK, PairOfDisks } from './pair-of-disks'
import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'

const LIVES = 300
const ACTS = 120
const CELLS = 6 * CELLS_PER_BLOCK

/** Of a guest that is answered ahead of the peer most of the time; replicas come and go, one at a time. Answers how often one was lost with something under way. */
function live(seed: number): number {
  const dice = new Dice(seed)
  const pair = new PairOfDisks(6 * BLOCK_BYTES, dice)
  pair.up('local', [])
  pair.up('peer', [])
  let losses = 0
  for (let act = 0; act < ACTS; act++) {
    const first = dice.below(CELLS)
    const cells = 1 + dice.below(Math.min(3, CELLS - first))
    const what = dice.below(20)
    if (what < 6) pair.write(first, cells, dice.chance(0.2))
    else if (what < 8) pair.read(first, cells)
    else if (what === 8) pair.flush()
    else if (what === 9 && dice.chance(0.3)) pair.answerWhen(dice.chance(0.7) ? 'local' : 'both')
    else if (what === 10 && dice.chance(0.3)) {
      const side = SIDES.find((one) => !pair.isUp(one))
      if (side !== undefined) pair.up(side, [])
      else if (pair.isWhole) {
        if (pair.unanswered > 0) losses++
        pair.lost(dice.of(SIDES))
      }
    } else for (let steps = dice.below(4); steps > 0; steps--) pair.step()
  }
  for (const side of SIDES) if (!pair.isUp(side)) pair.up(side, [])
  pair.answerWhen('both')
  for (let steps = 0; pair.step(); steps++) if (steps > 100_000) throw new Error(`seed ${seed}: it does not come to rest`)
  const { local, peer } = pair.disks
  if (pair.unanswered > 0 || !pair.isWhole) throw new Error(`seed ${seed}: ${pair.unanswered} requests are not answered`)
  if (!local.equals(pair.expected)) throw new Error(`seed ${seed}: the local replica holds something else than what was written`)
  if (!peer.equals(local)) throw new Error(`seed ${seed}: the replicas differ`)
  return losses
}

test(`seeds 0 to ${LIVES / 2}, and from ${SEED} on: both replicas come to hold what the guest wrote, in its order`, () => {
  let losses = 0
  for (let n = 0; n < LIVES; n++) losses += live(n < LIVES / 2 ? n : SEED + n)
  expect(losses).toBeGreaterThan(10)
})

import type { SwitchTimes } from '../../../lib/core/membership/switch-watch'
import type { Dice } from '../../world/prng'
import { HOST_NAMES, type MachineName } from './names'
import { drawTrouble, type Fault, isPairFault, type Trouble, withUnknowns } from './trouble'
import { drawPlan, type Plan as MirrorPlan } from '../mirror/plan'

/** One seed's world. */
export interface Plan extends Pick<
  MirrorPlan,
  'sizeBytes' | 'cells' | 'disk' | 'notesMs' | 'losesTracking' | 'lanesMs' | 'witnessMs' | 'guest'
> {
  readonly hosts: number
  /** Of each VM: where its disk is kept. */
  readonly homes: readonly (readonly [MachineName, MachineName])[]
  readonly startsInStep: boolean
  /** Some clocks are wrong by more than anything allows for: then only what needs no clock is asked. */
  readonly clocksLie: boolean
  /** Each host has a power switch that the others can reach. */
  readonly hasSwitches: boolean
  readonly trouble: Trouble
  /** There are two witnesses, and the other one is to decide after these times; null: there is one. */
  readonly pair: SwitchTimes | null
  readonly leaseMs: number
  /** Longer than any lease, so that the other one takes over; sometimes so long that its guest runs for a while. */
  readonly longMs: number
  /** How long faults happen. */
  readonly safetyMs: number
}

/** `trouble`: the only kinds there are; drawn, too, when left out. */
export function drawPoolPlan(dice: Dice, plots: Dice, trouble: readonly Fault[] | null): Plan {
  const { guest, ...shape } = drawPlan(dice, plots, [])
  const slow = plots.chance(0.3) ? 3 : 1
  const rare = { clocksLie: plots.chance(0.06), hasSwitches: plots.chance(0.4) }
  const pair = drawPair(plots, trouble)
  return {
    ...shape,
    longMs: 4000 * slow,
    ...drawPool(dice),
    ...rare,
    pair,
    // Renewals come every 300 ms whatever the lease.
    leaseMs: dice.of([1000, 1500, 1500, 3000]),
    trouble: withUnknowns(drawTrouble(dice, trouble, pair === null ? null : plots), plots, trouble),
    // Failovers take seconds: a guest that asks seldom lives through more of them.
    guest: { ...guest, thinkMs: 5 * 30 ** dice.fraction() },
    safetyMs: slow * (6000 + dice.below(9000)),
  }
}

/** Sooner than outside, so that a switch and the way back fit into a story. */
function drawPair(plots: Dice, trouble: readonly Fault[] | null): SwitchTimes | null {
  const isPair = trouble === null ? plots.chance(1 / 3) : trouble.some(isPairFault)
  return isPair ? { afterSilentMs: plots.of([700, 1500, 3000]), backAfterMs: plots.of([1000, 2500, 6000]) } : null
}

function drawPool(dice: Dice): Pick<Plan, 'hosts' | 'homes'> {
  const hosts = dice.of([2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5])
  const names = HOST_NAMES.slice(0, hosts)
  const pair = (): readonly [MachineName, MachineName] => {
    const first = dice.of(names)
    return [first, dice.of(names.filter((name) => name !== first))]
  }
  return { hosts, homes: Array.from({ length: dice.of([1, 1, 2, 3]) }, pair) }
}

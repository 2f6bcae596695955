import { BLOCK_BYTES, EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import { CELL_BYTES } from '../../world/cells'
import type { DiskHabits } from '../../world/disk'
import type { Dice } from '../../world/prng'
import { TRAPS } from './moments'

export const FAULTS = [
  ...[
    'lane-cut',
    'lane-glitch',
    'lane-change',
    'link-reset',
    'hosts-apart',
    'primary-deaf',
    'secondary-deaf',
    'host-alone',
    'witness-crash',
  ],
  ...['kill-primary', 'kill-secondary', 'kill-both', 'stall-primary', 'stall-secondary', 'power-primary', 'power-secondary'],
  ...['power-both', 'disk-errors', 'disk-hangs', 'notes-full', 'disk-replaced', 'stop', 'move', 'verify', 'unprotect'],
] as const
/** Those that need a story to be told: long ones, and traps that wait for the moment at which they do most harm. */
export const PLOTS = ['deaf-then-apart', 'witness-slow', 'guest-reset', 'crash', 'force', ...TRAPS] as const
export type Fault = (typeof FAULTS)[number] | (typeof PLOTS)[number]

/** One seed's world: every rate and shape is drawn, so that some seeds are calm and some are all of one kind of trouble. */
export interface Plan {
  readonly sizeBytes: number
  readonly cells: number
  /** Of each activity log. */
  readonly hotExtents: number
  readonly disk: DiskHabits
  readonly notesMs: number
  readonly losesTracking: boolean
  readonly lanesMs: readonly number[]
  readonly witnessMs: number
  readonly leaseMs: number
  readonly startsInStep: boolean
  readonly startsTracked: boolean
  /** Of a resync, for each tick; null: as fast as it can. */
  readonly allowBytes: number | null
  readonly guest: GuestPlan
  readonly faults: readonly { readonly fault: Fault; readonly weight: number }[]
  readonly faultEveryMs: number
  /** How long a fault lasts, on average. */
  readonly faultMs: number
  /** An operator overrules the witness when the only good copy is away. */
  readonly forcesClaim: boolean
  readonly corrupts: boolean
}

export interface GuestPlan {
  /** Before the world is to come to rest. */
  readonly requests: number
  readonly depth: number
  readonly thinkMs: number
  /** Extents that it uses. */
  readonly extents: readonly number[]
  readonly reads: number
  readonly zeroes: number
  readonly flushes: number
  readonly fua: number
  /** How often it goes where it just was. */
  readonly again: number
  readonly longest: number
  /** How often it rests for a while. */
  readonly rests: number
  /** Where it is most of the time, in cells; null: nowhere. */
  readonly spot: { readonly first: number; readonly count: number } | null
}

const EXTENT_CELLS = EXTENT_BYTES / CELL_BYTES

/** `trouble`: the only kinds there are; drawn, too, when left out. `plots`: draws what only some seeds have. */
export function drawPlan(dice: Dice, plots: Dice, trouble: readonly Fault[] | null = null): Plan {
  const wide = dice.chance(0.3)
  const extents = wide ? 24 + dice.below(17) : 2 + dice.below(10)
  const cells = (extents - 1) * EXTENT_CELLS + 1 + dice.below(EXTENT_CELLS)
  return {
    ...{ cells, sizeBytes: cells * CELL_BYTES, hotExtents: plots.chance(0.3) ? 6 + plots.below(8) : 16 + dice.below(8) },
    disk: {
      latencyMs: spread(dice, 0.3, 20),
      writesBack: dice.of([0, 0, 0.1, 0.5]),
      keepsCached: dice.of([0, 0, 0.3, 0.7]),
    },
    ...{ notesMs: spread(dice, 0.3, 15), losesTracking: dice.chance(0.05) },
    lanesMs: Array.from({ length: dice.chance(0.5) ? 1 : 2 }, () => spread(dice, 0.2, 20)),
    ...{ witnessMs: spread(dice, 1, 40), leaseMs: dice.of([600, 1000, 1500]) },
    ...{ startsInStep: dice.chance(0.7), startsTracked: dice.chance(0.9) },
    allowBytes: dice.chance(0.3) ? BLOCK_BYTES * (1 + dice.below(400)) : null,
    guest: drawGuest(dice, plots, extents, cells),
    faults: weighed(dice, trouble ?? drawFaults(dice)).concat(trouble === null ? weighed(plots, drawPlots(plots)) : []),
    ...{ faultEveryMs: spread(dice, 60, 1500), faultMs: spread(dice, 5, 1200) },
    ...{ forcesClaim: dice.chance(0.1), corrupts: dice.chance(0.1) },
  }
}

/** Many kinds of trouble seldom meet in the way that a few do. */
const drawFaults = (dice: Dice): readonly Fault[] =>
  dice.chance(0.4) ? Array.from({ length: 1 + dice.below(4) }, () => dice.of(FAULTS)) : FAULTS.filter(() => dice.chance(0.35))

const drawPlots = (dice: Dice): readonly Fault[] => (dice.chance(0.5) ? [] : PLOTS.filter(() => dice.chance(0.25)))

const weighed = (dice: Dice, faults: readonly Fault[]): Plan['faults'] =>
  faults.map((fault) => ({ fault, weight: 0.2 + dice.fraction() }))

function drawGuest(dice: Dice, plots: Dice, extents: number, cells: number): GuestPlan {
  const wanders = plots.chance(0.2)
  const used = dice.chance(0.5) ? extents : 1 + dice.below(Math.min(extents, 4))
  return {
    ...{ requests: 60 + dice.below(240), depth: 1 + dice.below(8), thinkMs: spread(dice, 0.2, 30) },
    extents: wanders ? [...Array(extents).keys()] : Array.from({ length: used }, () => dice.below(extents)),
    // One that hardly writes is still answered when its host is cut off.
    ...{
      reads: dice.chance(0.2) ? 0.97 : dice.fraction() * 0.6,
      zeroes: dice.of([0, 0.05, 0.2]),
      flushes: dice.of([0, 0.02, 0.1, 0.3]),
    },
    ...{
      fua: dice.of([0, 0.1, 0.5]),
      again: dice.fraction() * (wanders ? 0.1 : 1),
      longest: dice.of([1, 4, 16, 40]),
      rests: dice.of([0, 0.01, 0.05]),
    },
    spot: !wanders && plots.chance(0.25) ? { first: plots.below(cells), count: 1 + plots.below(8) } : null,
  }
}

/** Between the two, as often near the one as near the other. */
const spread = (dice: Dice, least: number, most: number): number => least * (most / least) ** dice.fraction()

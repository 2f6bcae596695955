import type { Dice } from '../../world/prng'

export const FAULTS = [
  ...['lane-cut', 'lane-glitch', 'lane-change', 'hosts-apart', 'holder-deaf', 'other-deaf', 'holder-mute', 'other-mute'],
  ...[
    'host-alone',
    'deaf-then-apart',
    'witness-crash',
    'witness-slow',
    'witness-full',
    'witness-errors',
    'switches-silent',
    'move',
  ],
  ...['kill-holder', 'kill-other', 'kill-both', 'stall-holder', 'stall-other', 'stop-holder', 'stop-other'],
  ...[
    'kill-daemon',
    'kill-watchdog',
    'stall-watchdog',
    'worker-and-daemon-hang',
    'stall-daemon',
    'beats-one-way',
    'beats-lost',
    'xapi-ends',
    'xapi-silent',
    'xapi-copies',
    'coordinator-lost',
  ],
  ...['power-holder', 'power-other', 'power-both', 'disk-errors', 'disk-hangs', 'notes-full', 'disk-replaced', 'verify'],
  ...['unprotect', 'protect', 'full-and-apart', 'met-while-taking'],
] as const
/** Of two witnesses. */
const PAIR_FAULTS = [
  ...['preferred-away', 'alternate-away', 'decider-away', 'away-in-turn', 'cut-from-one', 'carry-unanswered'],
  ...['note-damaged', 'note-lost', 'notes-unsaved', 'alternate-full', 'switch-and-apart', 'listed-unheard'],
] as const
export type PairFault = (typeof PAIR_FAULTS)[number]
/** Of what somebody does not know: see Unknowns. */
const UNKNOWN_FAULTS = ['role-unknown', 'hangs-when-listed', 'witness-forgets', 'confirmed-off'] as const
export type UnknownFault = (typeof UNKNOWN_FAULTS)[number]
export type Fault = (typeof FAULTS)[number] | PairFault | UnknownFault

export const isPairFault = (fault: Fault): fault is PairFault => PAIR_FAULTS.some((each) => each === fault)
export const isUnknownFault = (fault: Fault): fault is UnknownFault => UNKNOWN_FAULTS.some((each) => each === fault)

/** What those outside see happen, and at which a fault may do most harm. */
export const MOMENTS = [
  'listed-less',
  'listed-more',
  'taken',
  'asked-to-take',
  /** The witness is asked for the claim of a holder that is missed. */
  'taking',
  'resync',
  'frozen',
  'started',
  'woken',
  'promoted',
] as const
/** A host notes who is to decide, and has noted it; the claim is carried to that witness, and is there. */
const PAIR_MOMENTS = ['noting', 'noted', 'carrying', 'carried'] as const
export type Moment = (typeof MOMENTS)[number] | (typeof PAIR_MOMENTS)[number]
/** What hurts most in the middle of a switch. */
const AT_A_SWITCH: readonly Fault[] = [
  ...(['kill-holder', 'kill-other', 'power-holder', 'power-other', 'power-both', 'hosts-apart', 'host-alone'] as const),
  ...([
    'stall-holder',
    'stall-other',
    'stop-holder',
    'witness-crash',
    'decider-away',
    'carry-unanswered',
    'cut-from-one',
  ] as const),
]

/** Waits for its moment, once. */
export interface Ambush {
  readonly on: Moment
  readonly withinMs: number
  readonly fault: Fault
}

export interface Trouble {
  readonly faults: readonly { readonly fault: Fault; readonly weight: number }[]
  readonly ambushes: readonly Ambush[]
  readonly everyMs: number
  /** How long a fault lasts, on average. */
  readonly lastsMs: number
}

/** Many kinds of trouble seldom meet in the way that a few do. `only`: no other kinds. `pair`: draws the trouble of two witnesses; null: there is one. */
export function drawTrouble(dice: Dice, only: readonly Fault[] | null, pair: Dice | null): Trouble {
  const trouble = drawUsual(dice, only)
  if (pair === null) return trouble
  const kinds = only === null && trouble.faults.length > 0 ? PAIR_FAULTS.filter(() => pair.chance(0.4)) : []
  const ambushes = Array.from({ length: pair.below(4) }, () => ({
    on: pair.of(PAIR_MOMENTS),
    withinMs: pair.of([0, 0, 5, 50, 400]),
    fault: pair.of(only ?? AT_A_SWITCH),
  }))
  return {
    ...trouble,
    faults: [...trouble.faults, ...kinds.map((fault) => ({ fault, weight: 0.5 + 2 * pair.fraction() }))],
    ambushes: [...trouble.ambushes, ...ambushes],
  }
}

/** Adds to what was drawn; `only`: nothing is added. */
export function withUnknowns(trouble: Trouble, plots: Dice, only: readonly Fault[] | null): Trouble {
  const kinds = only === null && trouble.faults.length > 0 ? UNKNOWN_FAULTS.filter(() => plots.chance(0.15)) : []
  return { ...trouble, faults: [...trouble.faults, ...kinds.map((fault) => ({ fault, weight: 0.5 + plots.fraction() }))] }
}

function drawUsual(dice: Dice, only: readonly Fault[] | null): Trouble {
  const few = dice.chance(0.5)
  const drawn = few ? Array.from({ length: 1 + dice.below(3) }, () => dice.of(FAULTS)) : FAULTS.filter(() => dice.chance(0.35))
  const kinds = only ?? drawn
  return {
    faults: dice.chance(0.05) ? [] : kinds.map((fault) => ({ fault, weight: 0.2 + dice.fraction() })),
    ambushes: Array.from({ length: dice.chance(0.5) ? 0 : 1 + dice.below(4) }, () => ({
      on: dice.of(MOMENTS),
      withinMs: dice.of([0, 5, 50, 400, 2000]),
      fault: dice.of(only ?? FAULTS),
    })),
    ...{ everyMs: spread(dice, 250, 5000), lastsMs: spread(dice, 30, 3000) },
  }
}

/** Between the two, as often near the one as near the other. */
const spread = (dice: Dice, least: number, most: number): number => least * (most / least) ** dice.fraction()

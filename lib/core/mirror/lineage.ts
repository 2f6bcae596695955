import { HISTORY_MAX, NO_GENERATIONS, type Generations } from '../domain/volume'

/** Newest first, as many as a replica keeps. */
export const remembered = (generations: readonly string[]): string[] =>
  [...new Set(generations.filter((generation) => generation !== ''))].slice(0, HISTORY_MAX)

const older = ({ current, bitmap, history }: Generations): string[] =>
  remembered([bitmap, ...history].filter((generation) => generation !== current))

/** Of a replica that nobody lacks anything of any more. */
export const inStep = (generations: Generations): Generations => ({
  current: generations.current,
  bitmap: '',
  former: '',
  history: older(generations),
})

/**
 * Of a replica that goes on alone: what it is about to be written counts from its present generation. A target that was lost while
 * it was being given that one may have kept its former one, and lacks the same.
 */
export const parted = (generations: Generations, newGeneration: () => string): Generations => ({
  bitmap: generations.current === '' ? newGeneration() : generations.current,
  current: newGeneration(),
  former: isAnnounced(generations) ? generations.bitmap : '',
  history: older(generations),
})

/**
 * Of one that is about to note what another replica lacks, of which it knows nothing: both generations are new, for its notes tell
 * nothing of a replica that has one of the older ones, and the other one may get the new one before this side has it on stable storage.
 */
export const recounted = (generations: Generations, newGeneration: () => string): Generations =>
  parted(parted(generations, newGeneration), newGeneration)

/** Of a resync target: its bytes are a mixture, and what it lacks, the source's bitmap tells, counted from this generation. */
export const targeted = ({ history }: Generations, counted: string): Generations => ({
  ...NO_GENERATIONS,
  current: counted,
  history,
})

/**
 * Of a resync source whose target is about to be given the same generation: its own one among the older ones says so, after a
 * crash too. If the target is lost before the claim lists it, the source parts again before it answers anything alone.
 */
export const announced = (generations: Generations): Generations => ({
  ...generations,
  former: '',
  history: remembered([generations.current, ...generations.history]),
})

export const isAnnounced = ({ current, history }: Generations): boolean => history.includes(current)

/** Of one whose contents belong to nobody's mirror any more. */
export const unmirrored = ({ current, bitmap, history }: Generations): Generations => ({
  current: '',
  bitmap: '',
  former: '',
  history: remembered([current, bitmap, ...history]),
})

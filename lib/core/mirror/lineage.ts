import { HISTORY_MAX, type Generations } from '../domain/volume'

/** Newest first, as many as a replica keeps. */
export const remembered = (generations: readonly string[]): string[] =>
  [...new Set(generations.filter((generation) => generation !== ''))].slice(0, HISTORY_MAX)

/** Of a replica that nobody lacks anything of any more. */
export const inStep = ({ current, bitmap, history }: Generations): Generations => ({
  current,
  bitmap: '',
  history: remembered([bitmap, ...history]),
})

/** Of a replica that goes on alone: what it is about to be written counts from its present generation. */
export const parted = ({ current, history }: Generations, newGeneration: () => string): Generations => ({
  bitmap: current === '' ? newGeneration() : current,
  current: newGeneration(),
  history,
})

/** Of one whose contents belong to nobody's mirror any more. */
export const unmirrored = ({ current, bitmap, history }: Generations): Generations => ({
  current: '',
  bitmap: '',
  history: remembered([current, bitmap, ...history]),
})

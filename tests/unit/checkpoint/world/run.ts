import { World } from './world'

export interface Outcome {
  /** '' when every rule was kept. */
  readonly broken: string
  readonly seen: ReadonlyMap<string, number>
}

const TROUBLED_TURNS = 6000
const CALM_TURNS = 6000

/** One life of a pair under this seed: first with trouble, then without, until it is well again. */
export function run(seed: number): Outcome {
  const world = new World(seed)
  try {
    for (let turn = 0; turn < TROUBLED_TURNS; turn++) world.turn()
    world.isTroubled = false
    for (let turn = 0; turn < CALM_TURNS; turn++) world.turn()
    return { broken: well(world), seen: world.seen }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return {
      broken: `${error.name === 'Error' ? '' : `${error.name}: `}${error.message} (${Math.round(world.nowMs)} ms)`,
      seen: world.seen,
    }
  }
}

function well(world: World): string {
  const before = world.judge.leftCount
  for (let turn = 0; turn < 1500; turn++) world.turn()
  const life = world.primary?.epochs.life ?? 'none'
  if (life !== 'lockstep') return `not well again: ${life}, ${JSON.stringify(world.witness.claim)}`
  return world.judge.leftCount > before ? '' : 'not well again: nothing leaves'
}

import { World, type Plan } from './world'

export interface Outcome {
  /** '' when every rule was kept. */
  readonly broken: string
  readonly seen: ReadonlyMap<string, number>
  readonly moments: number
}

const TROUBLED_TURNS = 4000
const CALM_TURNS = 5000
/** Of a run with one misfortune: until it is well in lockstep, and again. */
const PLANNED_TURNS = 1600
const WELL_TURNS = 1500

/** One life of a pair under this seed: first with trouble, then without, until it is well again. */
export const run = (seed: number): Promise<Outcome> =>
  watched(new World(seed, null), async (world) => {
    await turns(world, TROUBLED_TURNS)
    world.isTroubled = false
    await turns(world, CALM_TURNS)
  })

/** One life in which one thing goes wrong. */
export const runWith = (seed: number, plan: Plan): Promise<Outcome> =>
  watched(new World(seed, plan), (world) => turns(world, PLANNED_TURNS))

async function turns(world: World, count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await world.turn()
}

async function watched(world: World, live: (world: World) => Promise<void>): Promise<Outcome> {
  // What breaks within a driver's promise is told by nobody else.
  let unhandled: unknown = null
  const listener = (error: unknown): void => void (unhandled ??= error)
  process.on('unhandledRejection', listener)
  try {
    await live(world)
    const { moments } = world
    const broken = await well(world)
    if (unhandled !== null) throw unhandled as Error
    return { broken, seen: world.seen, moments }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const broken = `${error.name === 'Error' ? '' : `${error.name}: `}${error.message} (${Math.round(world.nowMs)} ms)`
    return { broken, seen: world.seen, moments: world.moments }
  } finally {
    process.off('unhandledRejection', listener)
  }
}

async function well(world: World): Promise<string> {
  const before = world.judge.leftCount
  for (let turn = 0; turn < WELL_TURNS; turn++) {
    await world.turn()
    if (world.primary?.lockstep.life === 'lockstep' && world.judge.leftCount > before) return ''
  }
  const life = world.primary?.lockstep.life ?? 'none'
  return `not well again: ${life}, ${world.judge.leftCount - before} left, ${JSON.stringify(world.witness.claim)}`
}

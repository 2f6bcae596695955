import { Broken } from '../mirror/broken'
import { TROUBLES, type Trouble } from './strikes'
import { World, type Plan } from './world'
import type { Outcome } from '../mirror/run'

const TROUBLED_TURNS = 4000
/** Of a run with one misfortune. */
const PLANNED_TURNS = 1000
/** In so many, without trouble, a pair is in lockstep, whatever was before. */
const CALM_TURNS = 6000
/** And stays in it. */
const WELL_TURNS = 200

interface Options {
  readonly plan?: Plan
  readonly trouble?: readonly Trouble[]
  readonly say?: ((line: string) => void) | null
}

export interface LockstepOutcome extends Outcome {
  /** How often a worker talked to anything. */
  readonly moments: number
}

/** One life of a pair under this seed: first with trouble, then without, until it is in lockstep; then its host dies, and it is so again. */
export async function run(seed: number, { plan, trouble = TROUBLES, say = null }: Options = {}): Promise<LockstepOutcome> {
  const world = new World({ seed, plan: plan ?? null, trouble, say })
  // What breaks within a driver's promise is told by nobody else.
  let unhandled: unknown = null
  const listener = (error: unknown): void => void (unhandled ??= error)
  process.on('unhandledRejection', listener)
  let steps = 0
  const turn = async (): Promise<void> => {
    steps++
    await world.turn()
    if (unhandled !== null) throw unhandled as Error
  }
  let [broken, detail] = ['', '']
  try {
    await live(world, turn, plan === undefined ? TROUBLED_TURNS : PLANNED_TURNS)
    if (plan === undefined) await outlive(world, turn)
  } catch (error) {
    broken = error instanceof Broken ? error.invariant : error instanceof Error ? error.name : 'unknown'
    detail = error instanceof Error ? `${error.message}${error instanceof Broken ? '' : `\n${error.stack ?? ''}`}` : String(error)
    world.say(() => `BROKEN ${broken}: ${detail}`)
  } finally {
    process.off('unhandledRejection', listener)
  }
  return { seed, broken, detail, steps, simulatedMs: world.nowMs, probes: world.seen, moments: world.moments }
}

type Turn = () => Promise<void>

async function live(world: World, turn: Turn, troubled: number): Promise<void> {
  for (let turns = 0; turns < troubled; turns++) await turn()
  world.say(() => 'nothing goes wrong any more')
  world.isTroubled = false
  world.toolstack.settle()
  await untilWell(world, turn)
}

async function outlive(world: World, turn: Turn): Promise<void> {
  const before = loads(world)
  world.strikes.killHost()
  world.toolstack.keepDead(Infinity)
  for (let turns = 0; turns < CALM_TURNS && loads(world) === before; turns++) await turn()
  world.toolstack.keepDead(0)
  if (loads(world) === before) throw new Broken('liveness', `the guest does not go on: ${standing(world)}`)
  await untilWell(world, turn)
}

async function untilWell(world: World, turn: Turn): Promise<void> {
  const before = world.judge.leftCount
  const isWell = (): boolean =>
    world.primary?.lockstep.life === 'lockstep' && world.primary.isQuiet && world.judge.leftCount > before
  let well = 0
  for (let turns = 0; turns < CALM_TURNS && well < WELL_TURNS; turns++) {
    await turn()
    // A pause may take too long by chance, twice in a row, too.
    well = isWell() ? well + 1 : 0
  }
  if (well < WELL_TURNS) throw new Broken('liveness', `never in lockstep: ${standing(world)}`)
}

const loads = ({ seen }: World): number => (seen.get('loaded') ?? 0) + (seen.get('loaded again') ?? 0)

const standing = ({ primary, judge, witness }: World): string =>
  `${primary?.lockstep.life ?? 'no primary'}, ${judge.leftCount} left, ${JSON.stringify(witness.claim)}`

import { otherSide, type Side } from '../../../../lib/core/mirror/events'
import { World, type Plan } from './world'

/** What is lost, and by what. Whatever is lost comes back. */
const STRIKES = {
  'the primary is killed': (world: World) => world.kill('local'),
  'the peer is killed': (world: World) => world.kill('peer'),
  'both are killed': (world: World) => both((side) => world.kill(side)),
  'the link is cut': (world: World) => world.cut(),
  "the target's disk fails": (world: World) => world.diskFails(world.target),
  "the source's machine loses power": (world: World) => world.power(otherSide(world.target)),
  "the target's machine loses power": (world: World) => world.power(world.target),
  'both machines lose power': (world: World) => both((side) => world.power(side)),
} satisfies Record<string, (world: World) => void>

export type Fault = keyof typeof STRIKES
export const FAULTS = Object.keys(STRIKES) as Fault[]

function both(act: (side: Side) => void): void {
  act('local')
  act('peer')
}

/** When the target is there again. */
export const RETURNS = ['at once', 'after the source was alone'] as const

/** Written while the source is alone. */
export const WRITTEN_ALONE = 5

export interface Outcome {
  readonly world: World
  /** What happened after the fault, and how many blocks were to be looked at. */
  readonly told: World['told']
  /** Blocks that either side had on record when the target came back. */
  readonly recorded: number
  /** Both sides knew of the resync when the fault came. */
  readonly wasKnown: boolean
}

/** How a resync goes on that was interrupted after so many steps. */
export function interrupted(plan: Plan, steps: number, fault: Fault, returns: (typeof RETURNS)[number]): Outcome {
  const world = new World(plan)
  for (let step = 0; step < steps; step++) world.step()
  const { wasKnown } = world
  const before = world.told.length
  STRIKES[fault](world)
  world.bring(otherSide(world.target))
  if (returns !== 'at once') {
    world.rest()
    world.write(WRITTEN_ALONE)
    world.rest()
  }
  const recorded = world.recorded
  world.bring(world.target)
  world.rest()
  return { world, told: world.told.slice(before), recorded, wasKnown }
}

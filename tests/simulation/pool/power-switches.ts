import type { PowerFencer } from '../../../lib/ports/power-fencer'
import { nameOf } from './names'
import type { Process } from './process'
import type { PoolWorld } from './world'

const SWITCH_MS = 300

/** The power switches of all hosts, as a daemon reaches them. They are slow or silent at times, and never lie. */
export function powerSwitches(process: Process, world: PoolWorld): PowerFencer {
  const isSilent = (): boolean => world.dice.chance(world.switchSilence)
  return {
    knows: () => world.plan.hasSwitches,
    status: async (host) => {
      await process.within(SWITCH_MS)
      if (isSilent()) return 'unknown'
      return world.machine(nameOf(host)).powered ? 'on' : 'off'
    },
    off: async (host) => {
      await process.within(SWITCH_MS)
      if (isSilent()) return 'failed'
      if (!isSilent()) world.machine(nameOf(host)).switchOff()
      return 'asked'
    },
  }
}

import { Dice } from '../../world/prng'
import { DeciderWorld } from './decider-world'

const WANTED = [
  ...['carried', 'carried by a peer', 'taken', 'restart', 'old-term'],
  ...['switch-begun', 'switch-decided', 'switch-overtaken', 'switch-void'],
]

test.each([2, 3])('%i hosts, seeds 1 to 120: two generations never decide side by side', (size) => {
  const seen = new Map<string, number>()
  for (let seed = 1; seed <= 120; seed += 1) {
    const world = new DeciderWorld(new Dice(seed), size)
    try {
      for (let turn = 0; turn < 1200; turn += 1) world.turn()
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
    for (const [what, times] of world.seen) seen.set(what, (seen.get(what) ?? 0) + times)
  }
  // A run in which nothing happens proves nothing.
  for (const what of WANTED) expect({ what, met: seen.has(what) }).toEqual({ what, met: true })
})

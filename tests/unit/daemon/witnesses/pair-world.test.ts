import { trouble, whatIsWrong } from './pair-trouble'
import { PairWorld } from './pair-world'

const SEEDS = Number(process.env['HOLDFAST_TEST_SEEDS'] ?? 40)
const FIRST = Number(process.env['HOLDFAST_TEST_SEED'] ?? 1)
const WELL_WITHIN_MS = 30_000

test(`seeds ${FIRST} to ${FIRST + SEEDS - 1}: two witnesses, one that acts, nothing lost, well again`, async () => {
  const seen = new Map<string, number>()
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const world = new PairWorld(seed)
    try {
      await world.run(2000)
      await trouble(world)
      world.lossy = 0
      const writes = world.acknowledged.length
      await world.run(world.schedule.now + WELL_WITHIN_MS)
      const wrong = whatIsWrong(world, writes)
      if (wrong !== '') throw new Error(`not well again: ${wrong}; ${JSON.stringify(world.hosts.map(({ note }) => note))}`)
    } catch (error) {
      throw new Error(`seed ${seed} at ${Math.round(world.schedule.now)} ms`, { cause: error })
    }
    for (const [what, times] of world.seen) seen.set(what, (seen.get(what) ?? 0) + times)
  }
  if (process.env['HOLDFAST_TEST_SEEDS'] !== undefined) process.stderr.write(`${JSON.stringify([...seen])}\n`)
  for (const what of ['switch-begun', 'switch-decided', 'taken', 'spent'])
    expect({ what, met: seen.has(what) }).toEqual({ what, met: true })
}, 600_000)

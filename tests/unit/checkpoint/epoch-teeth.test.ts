import { TEETH } from './epoch-teeth'
import { mutatedRun } from './mutated-world'
import { run } from './world/run'

/** So many are tried for a rule whose known seed shows nothing any more. */
const SEEDS_MAX = 300

test.each(TEETH)(
  'without it the world breaks: $rule',
  async (tooth) => {
    const mutated = await mutatedRun(tooth)
    const seeds = [tooth.seed, ...Array.from({ length: SEEDS_MAX }, (_, index) => index + 1)]
    const seed = seeds.find((each) => mutated(each).broken !== '')
    expect({ rule: tooth.rule, isMissed: seed !== undefined }).toEqual({ rule: tooth.rule, isMissed: true })
    expect(run(seed ?? 0).broken).toBe('')
  },
  300_000,
)

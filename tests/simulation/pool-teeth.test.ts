import { bundleWorld } from './mirror-bundle'
import { POOL_TEETH, type PoolTooth } from './pool-teeth'
import { swarm } from './swarm'

const LIMIT_MS = 3_600_000

async function isBroken({ rule, changes, trouble, seed }: PoolTooth): Promise<string> {
  const bundle = await bundleWorld(
    'pool',
    changes.map((change) => ({ rule, ...change })),
  )
  let said = ''
  try {
    await swarm({
      ...{ file: bundle.file, jobs: 1, orders: [{ seed, hashed: false, ...(trouble === undefined ? {} : { trouble }) }] },
      told: ({ broken }) => (said = broken) === '',
    })
  } finally {
    bundle.remove()
  }
  return said
}

test.each(POOL_TEETH.map((tooth) => [tooth.rule, tooth] as const))(
  'switched off, it is missed: %s',
  async (_, tooth) => {
    expect(await isBroken(tooth)).not.toBe('')
    expect(await isBroken({ ...tooth, changes: [] })).toBe('')
  },
  LIMIT_MS,
)

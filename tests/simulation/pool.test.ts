import { bundleWorld, type Bundle } from './mirror-bundle'
import type { SeedReport } from './mirror/seed-thread'
import { taughtSeeds } from './seeds'
import { ordersFrom, swarm } from './swarm'

const FIRST = Number(process.env['HOLDFAST_SEED'] ?? 1)
const SEEDS = 500
const LIMIT_MS = 600_000

let bundle: Bundle
beforeAll(async () => {
  bundle = await bundleWorld('pool')
})
afterAll(() => bundle.remove())

async function reports(orders: Iterable<{ seed: number; hashed: boolean }>): Promise<SeedReport[]> {
  const all: SeedReport[] = []
  await swarm({ file: bundle.file, orders, told: (report) => all.push(report) > 0 })
  return all.sort((one, two) => one.seed - two.seed)
}

/** One line for each seed that broke a rule, with what repeats it. */
const brokenOf = (all: readonly SeedReport[]): string[] =>
  all
    .filter(({ broken }) => broken !== '')
    .map(({ seed, detail }) => `npm run sim -- --seed ${seed} --explain: ${detail.split('\n', 1)[0] ?? ''}`)

test(
  `${SEEDS} pools from seed ${FIRST} on keep every rule`,
  async () => {
    const all = await reports(ordersFrom(FIRST, SEEDS))
    expect(all).toHaveLength(SEEDS)
    expect(brokenOf(all)).toEqual([])
  },
  LIMIT_MS,
)

test(
  'seeds that once broke a rule keep it',
  async () => {
    expect(brokenOf(await reports(taughtSeeds('pool').map((seed) => ({ seed, hashed: false }))))).toEqual([])
  },
  LIMIT_MS,
)

test(
  'a seed tells the same story twice, and each its own',
  async () => {
    const [once, again] = [await reports(ordersFrom(FIRST, 12, true)), await reports(ordersFrom(FIRST, 12, true))]
    expect(again).toEqual(once)
    expect(new Set(once.map(({ hash }) => hash)).size).toBe(12)
  },
  LIMIT_MS,
)

import { type Bundle, bundleWorld, type Mutation, type WorldName } from './mirror-bundle'
import { swarm } from './swarm'

/** A rule that production code keeps, and how to switch it off in the source text. */
export interface Tooth {
  readonly rule: string
  readonly changes: readonly Omit<Mutation, 'rule'>[]
  /** The kinds of faults in which it is looked for, as its world names them; all kinds when left out. */
  readonly trouble?: readonly string[]
}

export interface Caught {
  readonly seed: number
  readonly broken: string
}

/** Looks for seeds of a world that show that a rule is missing, and are fine when it is there. */
export class Hunter {
  #honest: Promise<Bundle> | null = null

  constructor(private readonly world: WorldName) {}

  /** The first such seed; null when there is none. */
  async hunt(tooth: Tooth, seeds: readonly number[]): Promise<Caught | null> {
    const bundle = await bundleWorld(
      this.world,
      tooth.changes.map((change) => ({ rule: tooth.rule, ...change })),
    )
    this.#honest ??= bundleWorld(this.world)
    const { file } = await this.#honest
    try {
      for (let left = seeds; ;) {
        const caught = await firstBroken(bundle.file, tooth, left)
        if (caught === null || (await firstBroken(file, tooth, [caught.seed])) === null) return caught
        left = left.slice(left.indexOf(caught.seed) + 1)
      }
    } finally {
      bundle.remove()
    }
  }

  async end(): Promise<void> {
    const honest = await this.#honest
    honest?.remove()
  }
}

/** Which of the seeds breaks a rule first; null when none does. */
async function firstBroken(file: string, { trouble }: Tooth, seeds: readonly number[]): Promise<Caught | null> {
  let caught: Caught | null = null
  await swarm({
    ...{ file, jobs: 1 },
    orders: seeds.map((seed) => ({ seed, hashed: false, ...(trouble === undefined ? {} : { trouble }) })),
    told: ({ seed, broken }) => {
      if (broken !== '') caught = { seed, broken }
      return broken === ''
    },
  })
  return caught
}

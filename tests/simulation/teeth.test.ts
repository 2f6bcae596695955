import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { bundleMirror } from './mirror-bundle'
import { swarm } from './swarm'
import { TEETH, type Tooth } from './teeth'

/** So many seeds are tried for a rule whose known seed shows nothing any more. */
const SEEDS_MAX = 3000
const LIMIT_MS = 3_600_000
const DOCUMENT = join(__dirname, '../../docs/failure-model.md')
const HEAD = '| rule that is switched off | in | seed | what the judge says |\n|---|---|---|---|\n'

interface Caught {
  readonly seed: number
  readonly broken: string
}

/** Which of the seeds breaks a rule first; null when none does. */
async function firstBroken({ rule, changes, trouble }: Tooth, seeds: readonly number[]): Promise<Caught | null> {
  const bundle = await bundleMirror(changes.map((change) => ({ rule, ...change })))
  let caught: Caught | null = null
  try {
    await swarm({
      ...{ file: bundle.file, jobs: 1 },
      orders: seeds.map((seed) => ({ seed, hashed: false, ...(trouble === undefined ? {} : { trouble }) })),
      told: ({ seed, broken }) => {
        if (broken !== '') caught = { seed, broken }
        return broken === ''
      },
    })
  } finally {
    bundle.remove()
  }
  return caught
}

/** Which of the seeds shows first that the rule is missing, and is fine when it is there; null when none does. */
async function hunt(tooth: Tooth, seeds: readonly number[]): Promise<Caught | null> {
  const caught = await firstBroken(tooth, seeds)
  if (caught === null || (await firstBroken({ ...tooth, changes: [] }, [caught.seed])) === null) return caught
  return hunt(tooth, seeds.slice(seeds.indexOf(caught.seed) + 1))
}

const text = readFileSync(DOCUMENT, 'utf8')
const begin = text.indexOf(HEAD) + HEAD.length
const end = text.indexOf('\n\n', begin) + 1
const rows = text.slice(begin, end).split('\n').filter(Boolean)
const known = new Map(
  rows.map((row) => row.split('|').map((cell) => cell.trim())).map(([, rule, , seed]) => [rule, Number(seed)]),
)
const all = Array.from({ length: SEEDS_MAX }, (_, index) => index + 1)
const rowOf = ({ rule, changes }: Tooth, { seed, broken }: Caught): string =>
  `| ${rule} | ${changes.map(({ file }) => `\`${file}\``).join(', ')} | ${seed} | ${broken} |\n`

test('docs/failure-model.md lists the rules that are switched off', () => {
  if (process.env['UPDATE'] === undefined) expect([...known.keys()]).toEqual(TEETH.map(({ rule }) => rule))
})

test(
  'a rule that is switched off is missed',
  async () => {
    const found = new Map<Tooth, Caught>()
    const left = TEETH[Symbol.iterator]()
    const work = async (): Promise<void> => {
      for (const tooth of left) {
        const seed = known.get(tooth.rule)
        const first = seed === undefined || process.env['UPDATE'] !== undefined ? null : await hunt(tooth, [seed])
        const caught = first ?? (await hunt(tooth, all))
        if (caught !== null) found.set(tooth, caught)
      }
    }
    await Promise.all(Array.from({ length: availableParallelism() }, work))
    expect(TEETH.filter((tooth) => !found.has(tooth)).map(({ rule }) => rule)).toEqual([])
    if (process.env['UPDATE'] === undefined) return
    const table = TEETH.flatMap((tooth) => {
      const caught = found.get(tooth)
      return caught === undefined ? [] : [rowOf(tooth, caught)]
    })
    writeFileSync(DOCUMENT, text.slice(0, begin) + table.join('') + text.slice(end))
  },
  LIMIT_MS,
)

test(
  'a rule whose text has changed is not passed over',
  async () => {
    const change = { rule: 'none', file: 'lib/core/mirror/mirror.ts', replace: '' }
    await expect(bundleMirror([{ ...change, find: 'no such text' }])).rejects.toThrow('none: its text stands 0 times')
    await expect(bundleMirror([{ ...change, find: 'this.' }])).rejects.toThrow('none: its text stands')
    await expect(bundleMirror([{ ...change, file: 'lib/core/mirror/pace.ts', find: '' }])).rejects.toThrow(
      'is not part of the simulator',
    )
  },
  LIMIT_MS,
)

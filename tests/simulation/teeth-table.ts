import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Caught, Hunter, type Tooth } from './hunt'
import type { WorldName } from './mirror-bundle'

const LIMIT_MS = 3_600_000
const DOCUMENT = join(__dirname, '../../docs/failure-model.md')
const HEAD = '| rule that is switched off | in | seed | what the judge says |\n|---|---|---|---|\n'

export interface TeethTable {
  readonly world: WorldName
  /** Of the section whose table lists them. */
  readonly title: string
  readonly teeth: readonly Tooth[]
  /** So many seeds are tried for a rule whose known seed shows nothing any more. */
  readonly seedsMax: number
}

const isUpdate = process.env['UPDATE'] !== undefined

/** Tests that every rule is missed when it is switched off. UPDATE=1 writes the table of the seeds that show it. */
export function testTeeth({ world, title, teeth, seedsMax }: TeethTable): void {
  const known = new Map(
    rowsOf(title)
      .map((row) => row.split('|').map((cell) => cell.trim()))
      .map(([, rule, , seed]) => [rule, Number(seed)]),
  )
  const all = Array.from({ length: seedsMax }, (_, index) => index + 1)

  test('docs/failure-model.md lists the rules that are switched off', () => {
    if (!isUpdate) expect([...known.keys()]).toEqual(teeth.map(({ rule }) => rule))
  })

  test(
    'a rule that is switched off is missed',
    async () => {
      const hunter = new Hunter(world)
      const found = new Map<Tooth, Caught>()
      const left = teeth[Symbol.iterator]()
      const work = async (): Promise<void> => {
        for (const tooth of left) {
          const seed = known.get(tooth.rule)
          const first = seed === undefined || isUpdate ? null : await hunter.hunt(tooth, [seed])
          const caught = first ?? (await hunter.hunt(tooth, all))
          if (caught !== null) found.set(tooth, caught)
        }
      }
      await Promise.all(Array.from({ length: availableParallelism() }, work)).finally(() => hunter.end())
      expect(teeth.filter((tooth) => !found.has(tooth)).map(({ rule }) => rule)).toEqual([])
      if (isUpdate)
        write(
          title,
          teeth.flatMap((tooth) => {
            const caught = found.get(tooth)
            return caught === undefined ? [] : [rowOf(tooth, caught)]
          }),
        )
    },
    LIMIT_MS,
  )
}

const rowOf = ({ rule, changes }: Tooth, { seed, broken }: Caught): string =>
  `| ${rule} | ${[...new Set(changes.map(({ file }) => `\`${file}\``))].join(', ')} | ${seed} | ${broken} |\n`

/** Where the rows of a section's table begin and end in the document. */
function placeOf(title: string): { text: string; begin: number; end: number } {
  const text = readFileSync(DOCUMENT, 'utf8')
  const section = text.indexOf(`### ${title}\n`)
  const begin = text.indexOf(HEAD, section) + HEAD.length
  return { text, begin, end: text.indexOf('\n\n', begin - 1) + 1 }
}

function rowsOf(title: string): string[] {
  const { text, begin, end } = placeOf(title)
  return text.slice(begin, end).split('\n').filter(Boolean)
}

function write(title: string, rows: readonly string[]): void {
  const { text, begin, end } = placeOf(title)
  writeFileSync(DOCUMENT, text.slice(0, begin) + rows.join('') + text.slice(end))
}

import { join } from 'node:path'
import { golden } from '../stories'
import { FAULTS, interrupted, RETURNS, WRITTEN_ALONE, type Fault, type Outcome } from './interrupted/faults'
import { World, type Plan } from './interrupted/world'

const FOLDER = join(__dirname, '..', '..', 'scenarios', 'interrupted')
const LACKING = [1, 2, 60, 130]
/** Extents have 64 blocks: those that the guest writes are in the first and in the last one. */
const KINDS = {
  'of what is dirty': { blocks: 512, lacks: LACKING, written: [3, 450] },
  'of the whole disk': { blocks: 32, lacks: 'new', written: [3, 30] },
} as const
const SOURCES = ['local', 'peer'] as const
const POINTS: readonly (readonly [string, Plan])[] = SOURCES.flatMap((source) =>
  Object.entries(KINDS).map(([kind, { written, ...rest }]) => {
    const plan: Plan = { source, ...rest, written, turns: 'in order' }
    return [`${source === 'local' ? 'from-local-to-peer' : 'from-peer-to-local'}-${kind.replaceAll(' ', '-')}`, plan] as const
  }),
)

/** What happens when nothing goes wrong: after each of these a fault may come. */
function stepsOf(plan: Plan): string[] {
  const world = new World(plan)
  const steps = ['at the start']
  for (let step = world.step(); step !== null; step = world.step()) steps.push(step)
  return steps
}

/** What is wrong with how it went on; '' when nothing is. */
function complaint({ world, told, recorded, wasKnown }: Outcome, fault: Fault): string {
  const { local, peer } = world.storages
  if (!world.isWhole) return 'it did not come to its end'
  if (local.differing(peer).length > 0) return `blocks ${local.differing(peer).join(' ')} differ`
  const over = told.find(({ act, rule }) => act === 'resync-started' && wasKnown && rule !== 'i-tracked-peer')
  if (over !== undefined) return `it started over: ${over.rule}`
  const { lacks, blocks, written } = world.plan
  // Beside what is on record, or is known to a mirror that lives, there is what the guest wrote.
  const known = fault === 'the link is cut' ? (lacks === 'new' ? blocks : lacks.length) : recorded
  const most = wasKnown ? known + written.length + 1 : blocks
  const more = told.find((one) => one.blocks > most)
  return more === undefined ? '' : `${more.blocks} blocks were looked at, and ${most} would have done`
}

const shown = ({ told }: Outcome): string =>
  told.map(({ act, rule, blocks }) => (act === 'replica-present' ? `stays, ${rule}` : `${rule} ${blocks}`)).join(', then ') ||
  'goes on'

function table(plan: Plan, steps: readonly string[], faults: readonly Fault[]): string[] {
  return faults.flatMap((fault) => {
    const lines = steps.map((step, count) => {
      const both = RETURNS.map((returns) => interrupted(plan, count, fault, returns))
      const wrong = both.map((outcome) => complaint(outcome, fault)).find((text) => text !== '')
      if (wrong !== undefined) throw new Error(`${fault} after ${count} steps (${step}): ${wrong}`)
      return [step, both.map(shown).join(' | ')] as const
    })
    const first = lines.filter(([, outcome], at) => outcome !== lines[at - 1]?.[1])
    return ['', fault, ...first.map(([step, outcome]) => `    ${step}: ${outcome}`)]
  })
}

const prose = ({ source, lacks, written }: Plan): string[] => [
  `The ${source} replica is the source; the other one ${lacks === 'new' ? 'is new' : `lacks ${lacks.join(' ')}`}. The guest writes block`,
  `${written[0]} when the resync begins, ${written[1]} when all is copied, and ${WRITTEN_ALONE} while the source is alone.`,
  'Each line: what happened last before the fault, here or in a line below it that is left out because the same follows; by which',
  'rule it goes on and how many blocks are looked at when the target is there again at once, and after the source was alone.',
]

describe('a resync is interrupted at every point, and never starts over', () => {
  test.each(POINTS)('%s', (name, plan) => {
    golden(join(FOLDER, `${name}.txt`), `${[...prose(plan), ...table(plan, stepsOf(plan), FAULTS)].join('\n')}\n`)
  })

  test.each(POINTS)('%s, whichever side is faster', (_, plan) => {
    for (const turns of SOURCES) {
      const faster = { ...plan, turns }
      expect(table(faster, stepsOf(faster), FAULTS)).not.toEqual([])
    }
  })
})

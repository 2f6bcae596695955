import { compareHistories, MIRRORED } from '../../../lib/core/mirror/handshake'
import { SEED } from '../../wire/seeded'
import { Dice } from '../../world/prng'
import { complaint } from './handshake/judge'
import { Lives } from './handshake/lives'

const LIVES = 1000
/** The same ones each time, among which every rule is seen, and others. */
const SEEDS = Array.from({ length: LIVES }, (_, n) => (n < LIVES / 2 ? n : SEED + n))
const STEPS = 60

/** What happened, and what was wrong with a verdict on the way. */
function live(seed: number, probe: (rule: string) => void): { story: string[]; complaint: string } {
  const dice = new Dice(seed)
  const lives = new Lives()
  const story: string[] = []
  // Some lives are restless, others go far.
  const accident = dice.of([0.02, 0.1, 0.4])
  for (let step = 0; step < STEPS; step++) {
    const [text, act] = draw([...lives.acts()], dice, accident)
    story.push(text)
    act()
    const { a, b } = lives.bodies
    if (!lives.isTold) continue
    const verdict = lives.verdict
    probe(verdict.rule)
    const theirs = compareHistories(b, a)
    const disagree = theirs.strategy === MIRRORED[verdict.strategy] ? '' : 'the two sides disagree'
    const { acknowledged } = lives
    const trouble = disagree || complaint(a, b, acknowledged, verdict) || complaint(b, a, acknowledged, theirs)
    if (trouble !== '') return { story, complaint: `${verdict.rule}: ${trouble}` }
  }
  return { story, complaint: '' }
}

/** What there is a choice of counts once, however many ways there are to do it. */
function draw(acts: readonly Act[], dice: Dice, accident: number): Act {
  const isAccident = dice.chance(accident)
  const chosen = acts.filter(([text]) => ACCIDENT.test(text) === isAccident)
  const from = chosen.length > 0 ? chosen : acts
  const kind = dice.of([...new Set(from.map(([text]) => kindOf(text)))])
  return dice.of(from.filter(([text]) => kindOf(text) === kind))
}

type Act = [text: string, act: () => void]
const kindOf = (text: string): string => text.replace(/ .*/, '')
const RULES: readonly string[] = [
  ...['both-wrote-since', 'common-ancestor', 'crossed', 'i-am-ancestor', 'i-am-inconsistent', 'i-am-new', 'i-tracked-peer'],
  ...[
    'no-good-copy',
    'peer-is-ancestor',
    'peer-is-inconsistent',
    'peer-is-new',
    'peer-tracked-me',
    'same-generation',
    'unrelated',
  ],
]
const ACCIDENT = /^(?:crash|torn|power|new disk|old disk|force|unlist|unprotect|protect)/

describe(`verdicts about histories that came about (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test(`${LIVES} lives: what is copied is what the other side lacks`, () => {
    const rules = new Map<string, number>()
    for (const seed of SEEDS) {
      const { story, complaint } = live(seed, (rule) => rules.set(rule, (rules.get(rule) ?? 0) + 1))
      if (complaint !== '') throw new Error(`seed ${seed}: ${story.join(', ')}: ${complaint}`)
    }
    // All that can happen to replicas that tell the truth.
    expect([...rules.keys()].sort()).toEqual(RULES.filter((rule) => rule !== 'crossed'))
  })
})

import { compareHistories, MIRRORED, STRATEGIES, type HandshakeRule, type History } from '../../../lib/core/mirror/handshake'

const CURRENT = ['', 'g1', 'g2'] as const
const BITMAP = ['', 'g1', 'g2', 'g3'] as const
const FORMER = ['', 'g1', 'g3'] as const
const OLDER = [[], ['g1'], ['g2'], ['g3'], ['g2', 'g1'], ['g3', 'g4']] as const
const HISTORIES: readonly History[] = CURRENT.flatMap((current) =>
  BITMAP.flatMap((bitmap) =>
    FORMER.flatMap((former) =>
      OLDER.flatMap((history) =>
        (['up-to-date', 'inconsistent'] as const).map((state) => ({ state, generations: { current, bitmap, former, history } })),
      ),
    ),
  ),
)
const PAIRS = HISTORIES.flatMap((mine) => HISTORIES.map((theirs) => [mine, theirs] as const))

/** The rules as the other side names them. */
const SEEN_FROM_THERE: Readonly<Record<HandshakeRule, HandshakeRule>> = {
  'no-good-copy': 'no-good-copy',
  'i-am-new': 'peer-is-new',
  'peer-is-new': 'i-am-new',
  'same-generation': 'same-generation',
  crossed: 'crossed',
  'i-tracked-peer': 'peer-tracked-me',
  'peer-tracked-me': 'i-tracked-peer',
  'peer-is-inconsistent': 'i-am-inconsistent',
  'i-am-inconsistent': 'peer-is-inconsistent',
  'peer-is-ancestor': 'i-am-ancestor',
  'i-am-ancestor': 'peer-is-ancestor',
  'both-wrote-since': 'both-wrote-since',
  'common-ancestor': 'common-ancestor',
  unrelated: 'unrelated',
}

/**
 * The second version, from what a side knows: of a disk without data nothing; else of its own generation as `now`, of one that its notes
 * count from as `noted`, of older ones as `before`. Of one in the middle of a resync only what its notes count from.
 */
function expected(mine: History, theirs: History): string {
  const knows = (one: History, { generations: { current } }: History): 'now' | 'noted' | 'before' | 'nothing' => {
    const { generations, state } = one
    if (generations.current === current) return 'now'
    if (state !== 'inconsistent' && generations.bitmap === current) return 'noted'
    return generations.history.includes(current) ? 'before' : 'nothing'
  }
  const isGood = ({ state, generations }: History): boolean => state !== 'inconsistent' && generations.current !== ''
  const [iAmGood, peerIsGood] = [isGood(mine), isGood(theirs)]
  if (!iAmGood && !peerIsGood) return 'refuse'
  const counted = ({ generations: { bitmap, former } }: History, { generations: { current } }: History): boolean =>
    current !== '' && [bitmap, former].includes(current)
  if (!iAmGood) return counted(theirs, mine) ? 'receive-dirty' : 'receive-all'
  if (!peerIsGood) return counted(mine, theirs) ? 'send-dirty' : 'send-all'
  const both = `${knows(mine, theirs)} ${knows(theirs, mine)}`
  switch (both) {
    case 'now now':
      return 'in-step'
    case 'noted nothing':
    case 'noted before':
      return 'send-dirty'
    case 'nothing noted':
    case 'before noted':
      return 'receive-dirty'
    case 'before nothing':
      return 'send-all'
    case 'nothing before':
      return 'receive-all'
    case 'noted noted':
    case 'before before':
      return 'split-brain'
    case 'nothing nothing': {
      const [here, there] = [mine, theirs].map(({ generations: { bitmap, history } }) => new Set([bitmap, ...history]))
      here?.delete('')
      return [...(here ?? [])].some((generation) => there?.has(generation)) ? 'split-brain' : 'refuse'
    }
    default:
      throw new Error(`${both}: impossible`)
  }
}

describe(`two histories meet: ${PAIRS.length} pairs`, () => {
  test('the verdict is that of a second version', () => {
    const wrong = PAIRS.filter(([mine, theirs]) => compareHistories(mine, theirs).strategy !== expected(mine, theirs))
    expect(wrong.slice(0, 3)).toEqual([])
  })

  test('both sides reach the same verdict by the same rule', () => {
    const apart = PAIRS.filter(([mine, theirs]) => {
      const [here, there] = [compareHistories(mine, theirs), compareHistories(theirs, mine)]
      return there.strategy !== MIRRORED[here.strategy] || there.rule !== SEEN_FROM_THERE[here.rule]
    })
    expect(apart.slice(0, 3)).toEqual([])
  })

  test('each rule has its pairs, and one strategy but for its reason', () => {
    const seen = new Map<string, Set<string>>()
    for (const pair of PAIRS) {
      const { rule, strategy } = compareHistories(...pair)
      seen.set(rule, (seen.get(rule) ?? new Set()).add(strategy))
    }
    expect(Object.fromEntries([...seen].map(([rule, strategies]) => [rule, [...strategies].join(' ')]))).toEqual({
      'no-good-copy': 'refuse',
      'i-am-new': 'receive-all',
      'peer-is-new': 'send-all',
      'same-generation': 'in-step',
      crossed: 'split-brain',
      'i-tracked-peer': 'send-dirty',
      'peer-tracked-me': 'receive-dirty',
      'peer-is-inconsistent': 'send-all',
      'i-am-inconsistent': 'receive-all',
      'peer-is-ancestor': 'send-all',
      'i-am-ancestor': 'receive-all',
      'both-wrote-since': 'split-brain',
      'common-ancestor': 'split-brain',
      unrelated: 'refuse',
    })
  })

  test('an outdated replica is whole: what it says of its history counts', () => {
    const outdated = (one: History): History => (one.state === 'up-to-date' ? { ...one, state: 'outdated' } : one)
    const other = PAIRS.filter(
      ([mine, theirs]) => compareHistories(outdated(mine), outdated(theirs)).rule !== compareHistories(mine, theirs).rule,
    )
    expect(other.slice(0, 3)).toEqual([])
  })

  test('nobody is overwritten who is whole and unknown to the source', () => {
    const overwritten = PAIRS.filter(([mine, theirs]) => {
      if (STRATEGIES[compareHistories(mine, theirs).strategy].source !== 'self') return false
      const { bitmap, history } = mine.generations
      const { current } = theirs.generations
      return theirs.state !== 'inconsistent' && current !== '' && ![bitmap, ...history].includes(current)
    })
    expect(overwritten.slice(0, 3)).toEqual([])
  })

  test('what a strategy means is the same seen from there', () => {
    for (const [strategy, { source, ...rest }] of Object.entries(STRATEGIES)) {
      const turned = { self: 'peer', peer: 'self', none: 'none' } as const
      expect(STRATEGIES[MIRRORED[strategy as keyof typeof STRATEGIES]]).toEqual({ ...rest, source: turned[source] })
    }
  })
})

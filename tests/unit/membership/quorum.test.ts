import { type QuorumFacts, quorumVerdict } from '../../../lib/core/membership/quorum'

const truths = [false, true]

const all: QuorumFacts[] = []
for (const behaviour of ['freeze', 'stop', 'continue'] as const)
  for (const role of ['holder', 'secondary'] as const)
    for (const lease of ['valid', 'ending', 'over'] as const)
      for (const isPreferred of truths)
        for (const hasEveryWrite of truths)
          for (const othersSilentMs of [0, 2999, 3000])
            for (const hasParted of truths)
              all.push({ behaviour, role, lease, leaseMs: 1500, isPreferred, hasEveryWrite, othersSilentMs, hasParted })

/** By the words of the setting, one after the other. */
function expected(facts: QuorumFacts): string {
  if (facts.role !== 'holder') return 'nothing'
  if (facts.lease === 'valid') return 'serve'
  if (facts.lease === 'ending') return 'pause'
  if (facts.behaviour !== 'continue') return facts.behaviour === 'stop' ? 'destroy' : 'pause'
  const against = [!facts.isPreferred, !facts.hasEveryWrite, facts.othersSilentMs < 2 * facts.leaseMs]
  if (against.includes(true)) return 'pause'
  return facts.hasParted ? 'serve' : 'part'
}

test(`all ${all.length} combinations end as the setting says`, () => {
  const rules = new Map<string, number>()
  for (const facts of all) {
    const { act, rule } = quorumVerdict(facts)
    rules.set(rule, (rules.get(rule) ?? 0) + 1)
    expect({ facts, act }).toEqual({ facts, act: expected(facts) })
  }
  // Each rule is met: an enumeration that never gets somewhere says nothing about it.
  expect([...rules.keys()].sort()).toEqual([
    ...['continue', 'continues-alone', 'freeze', 'lacks-writes', 'lease-ending', 'lease-valid'],
    ...['not-preferred', 'only-a-holder', 'others-heard', 'stop'],
  ])
})

test('by default nobody serves without a lease', () => {
  for (const facts of all) {
    if (facts.behaviour === 'continue' || facts.lease === 'valid') continue
    expect({ facts, act: quorumVerdict(facts).act }).not.toEqual({ facts, act: 'serve' })
  }
})

test('nobody serves alone at its own risk before the histories have parted, and a secondary never', () => {
  for (const facts of all) {
    const verdict = quorumVerdict(facts)
    if (verdict.rule === 'continues-alone') expect(facts).toMatchObject({ hasParted: true, isPreferred: true, role: 'holder' })
    if (facts.role === 'secondary') expect(verdict.act).toBe('nothing')
  }
})

import { hostUuid } from '../../../lib/core/domain/ids'
import { type Home, isLeftToPreferred, survivorOf } from '../../../lib/core/policy/survivor'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const truths = [false, true]

const homes = (host: Home['host']): Home[] => {
  const all: Home[] = []
  for (const isUpToDate of truths)
    for (const reachesWitness of truths)
      for (const health of ['good', 'grey', 'failed', 'unknown'] as const)
        for (const mirror of ['source', 'member', 'target', 'unknown'] as const)
          for (const isPreferred of truths)
            for (const isHolder of truths) all.push({ host, isUpToDate, reachesWitness, health, mirror, isPreferred, isHolder })
  return all
}

/** As one would read it off: better in something, and in nothing weightier worse. */
function better(a: Home, b: Home): boolean | null {
  const order: (keyof Home)[] = ['isUpToDate', 'reachesWitness', 'health', 'mirror', 'isPreferred', 'isHolder']
  const ranks: Record<string, number> = { true: 9, false: 1, good: 9, grey: 5, source: 9, member: 5 }
  for (const key of order) {
    const [mine, theirs] = [ranks[String(a[key])] ?? 1, ranks[String(b[key])] ?? 1]
    if (mine !== theirs) return mine > theirs
  }
  return null
}

test('every pair of homes: the better one stays, and both sides say so', () => {
  const rules = new Set<string>()
  let wrong = 0
  for (const a of homes(A))
    for (const b of homes(B)) {
      const { host, rule } = survivorOf(a, b)
      rules.add(rule)
      const seenByOther = survivorOf(b, a)
      const isBetter = better(a, b)
      if (host !== (isBetter === false ? B : A) || seenByOther.host !== host || seenByOther.rule !== rule) wrong += 1
      if ((isBetter === null) !== (rule === 'by-uuid')) wrong += 1
    }
  expect(wrong).toBe(0)
  expect([...rules].sort()).toEqual(['by-uuid', 'health', 'holder', 'mirror', 'preferred', 'reaches-witness', 'up-to-date'])
})

test('a wish never outweighs what the guest would feel', () => {
  for (const a of homes(A))
    for (const b of homes(B)) {
      if (!a.isPreferred || b.isPreferred) continue
      const { host, rule } = survivorOf(a, b)
      if (rule === 'preferred') expect(host).toBe(A)
      else expect(survivorOf({ ...a, isPreferred: false }, b)).toEqual({ host, rule })
    }
})

test('it is left to the preferred one only by its like, and only for five seconds after a start', () => {
  const both: Omit<Home, 'host'> = {
    ...{ isUpToDate: true, reachesWitness: true, health: 'good', mirror: 'member', isPreferred: false, isHolder: false },
  }
  const self: Home = { ...both, host: A }
  const preferred: Home = { ...both, host: B, isPreferred: true, isHolder: true }
  expect(isLeftToPreferred(self, preferred, 0)).toBe(true)
  expect(isLeftToPreferred(self, preferred, 4999)).toBe(true)
  expect(isLeftToPreferred(self, preferred, 5000)).toBe(false)
  expect(isLeftToPreferred(self, { ...preferred, isPreferred: false }, 0)).toBe(false)
  expect(isLeftToPreferred({ ...self, isPreferred: true }, { ...preferred, isPreferred: false }, 0)).toBe(false)
  expect(isLeftToPreferred(self, { ...preferred, isUpToDate: false, mirror: 'target' }, 0)).toBe(false)
  expect(isLeftToPreferred(self, { ...preferred, health: 'failed' }, 0)).toBe(false)
})

import { Secondary } from '../../../lib/core/mirror/secondary'

const NONE = Number.NEGATIVE_INFINITY

test('the word of the primary that is served ends every promise, also the one that a restart counts as, and nothing is promised to it again', () => {
  const rules = new Secondary(3, 1000)
  rules.promised(2000)
  rules.spent(3)
  expect(rules.lastPromiseMs).toBe(NONE)
  expect([2, 3, 4].map((term) => rules.isSpent(term))).toEqual([true, true, false])
})

test('a late word of an earlier primary leaves the promise to its successor', () => {
  const rules = new Secondary(3, 1000)
  rules.raised(4)
  rules.promised(2000)
  rules.spent(3)
  expect(rules.lastPromiseMs).toBe(2000)
  expect(rules.isSpent(3)).toBe(false)
})

test('whoever holds the claim after it is promised to as ever', () => {
  const rules = new Secondary(3, 1000)
  rules.spent(3)
  rules.raised(5)
  expect(rules.isSpent(5)).toBe(false)
  rules.promised(3000)
  expect(rules.lastPromiseMs).toBe(3000)
})

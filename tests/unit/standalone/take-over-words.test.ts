import { takeOverWords } from '../../../lib/core/standalone/take-over-words'

/** What lib/core/membership/takeover.ts and the worker around it say. */
const RULES = [
  'no-claim',
  'not-up-to-date',
  'replica-failed',
  'holder-alive',
  'promise-current',
  'lease-current',
  'witness-silent',
  'swap-refused',
  'gave-up',
]

test.each(RULES.flatMap((rule) => [[rule, false] as const, [rule, true] as const]))(
  '%s has a reason and a thing to do (%s)',
  (rule, mayHold) => {
    const { reason, todo } = takeOverWords(rule, mayHold)
    expect(reason).toMatch(/^[A-Z].*\.$/)
    expect(todo).toMatch(/^[A-Z]/)
  },
)

test('each rule has words of its own', () => {
  expect(
    new Set(
      [...RULES.map((rule) => takeOverWords(rule, false)), takeOverWords('witness-silent', true)].map(({ reason }) => reason),
    ).size,
  ).toBe(RULES.length + 1)
})

import type { CounterVerdict } from '../../../../lib/lab/client/counter'
import type { KillOutcome } from '../../../../lib/lab/lockstep/kill'
import { areKept, figuresText, killTable, killText, percentile, promisesText } from '../../../../lib/lab/lockstep/report'

const KILL: KillOutcome = {
  ...{ host: 'h2', survivor: 'h1', gapMs: 512, suspectedMs: 250, claimTakenMs: 330, goesOnMs: 370, answeringMs: 480 },
  ...{ afterwardsGapMs: 90, lockstepAgainMs: 9_000, wasStarted: false },
}
const VERDICT: CounterVerdict = { counted: 900, stored: 899, written: 40, longestGapMs: 512, broken: [] }

test('a promise that was not kept is said, and ends the demonstration with a failure', () => {
  const fine = promisesText([KILL], VERDICT)
  expect(fine).not.toContain('NOT')
  expect(areKept([KILL], VERDICT)).toBe(true)
  const started = { ...KILL, wasStarted: true }
  expect(promisesText([started], VERDICT)).toContain('kill 1, of h2: the guest goes on, nobody starts it: NOT KEPT')
  expect(areKept([KILL, started], VERDICT)).toBe(false)
  const lost = { ...VERDICT, broken: ['text:1 was acknowledged as "x" and holds null'] }
  expect(promisesText([KILL], lost)).toMatch(/never broke: NOT KEPT\ntext:1 was acknowledged/)
  expect(areKept([KILL], lost)).toBe(false)
})

test('a goal that was not reached is said, and is no promise', () => {
  const late = { ...KILL, gapMs: 1_234 }
  expect(promisesText([late], VERDICT)).toContain('the client waits at most 0.70 s: NOT REACHED (1.23 s)')
  expect(areKept([late], VERDICT)).toBe(true)
})

test('the table fits 100 columns, and a dash is what was not seen', () => {
  const lines = killTable([KILL, { ...KILL, suspectedMs: null, goesOnMs: null }]).split('\n')
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100)
  expect(lines.filter((line) => line.includes(' - '))).toHaveLength(1)
  expect(killText(KILL)).toContain('detection 0.25 s, resume 0.04 s, gap 0.51 s')
  expect(killText({ ...KILL, claimTakenMs: null })).toContain('resume -')
})

test('of a hundred the 99th is the 99th percentile, of fewer the last', () => {
  const to = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)
  expect([percentile(to(100), 0.99), percentile(to(50), 0.99), percentile(to(4), 0.5), percentile([], 0.5)]).toEqual([
    99,
    50,
    2,
    null,
  ])
  const kills = to(3).map((n) => ({ ...KILL, gapMs: n * 100 }))
  expect(figuresText(kills)).toContain('client-visible gap of 3 kills: median 0.20 s, p99 0.30 s, max 0.30 s')
})

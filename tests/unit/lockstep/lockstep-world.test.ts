import { run, runWith } from './world/run'
import type { Strike } from './world/strikes'

const SEEDS = Number(process.env['HOLDFAST_TEST_SEEDS'] ?? 20)
const FIRST = Number(process.env['HOLDFAST_TEST_SEED'] ?? 1)
/** The beginning of a run, its first epochs and some more. */
const MOMENTS = Number(process.env['HOLDFAST_TEST_MOMENTS'] ?? 160)
const PLANNED_SEED = Number(process.env['HOLDFAST_TEST_SEED'] ?? 7)

/** Without these a run proves nothing. */
const WANTED = [
  ...['loaded', 'restarted', 'cold start', 'destroyed', 'taken over', 'dropped', 'not begun'],
  ...['told lockstep', 'told left', 'told epoch-failed', 'told guest-not-resumed', 'told cannot-keep-up'],
]

const add = (seen: Map<string, number>, more: ReadonlyMap<string, number>): void => {
  for (const [what, times] of more) seen.set(what, (seen.get(what) ?? 0) + times)
}

const report = (seen: ReadonlyMap<string, number>): void => {
  if (process.env['HOLDFAST_TEST_SEEDS'] !== undefined) process.stderr.write(`${JSON.stringify([...seen].sort())}\n`)
}

test(`seeds ${FIRST} to ${FIRST + SEEDS - 1}: output never leaves before its state, disk and memory are of one epoch`, async () => {
  const seen = new Map<string, number>()
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const outcome = await run(seed)
    expect({ seed, broken: outcome.broken }).toEqual({ seed, broken: '' })
    add(seen, outcome.seen)
  }
  report(seen)
  for (const what of WANTED) expect({ what, met: seen.has(what) }).toEqual({ what, met: true })
}, 600_000)

test.each<Strike>(['fail', 'lose', 'worker', 'host', 'secondary'])(
  'at any moment once: %s',
  async (what) => {
    const seen = new Map<string, number>()
    for (let at = 1; at <= MOMENTS; at++) {
      const outcome = await runWith(PLANNED_SEED, { at, what })
      expect({ at, what, broken: outcome.broken }).toEqual({ at, what, broken: '' })
      expect(outcome.moments).toBeGreaterThan(at)
      add(seen, outcome.seen)
    }
    report(seen)
  },
  600_000,
)

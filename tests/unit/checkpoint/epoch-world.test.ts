import { run } from './world/run'

const SEEDS = Number(process.env['HOLDFAST_TEST_SEEDS'] ?? 60)
const FIRST = Number(process.env['HOLDFAST_TEST_SEED'] ?? 1)

/** Without these a run proves nothing. */
const WANTED = [
  ...[
    'loaded',
    'restarted',
    'cold start',
    'destroyed',
    'taken over',
    'told lockstep',
    'told epoch-failed',
    'told cannot-keep-up',
  ],
  ...['told guest-not-resumed', 'standby does press', 'standby does failed', 'standby does dropped', 'standby unseal', 'spent'],
]

test(`seeds ${FIRST} to ${FIRST + SEEDS - 1}: output never leaves before its state, disk and memory are of one epoch`, () => {
  const seen = new Map<string, number>()
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const outcome = run(seed)
    expect({ seed, broken: outcome.broken }).toEqual({ seed, broken: '' })
    for (const [what, times] of outcome.seen) seen.set(what, (seen.get(what) ?? 0) + times)
  }
  if (process.env['HOLDFAST_TEST_SEEDS'] !== undefined) process.stderr.write(`${JSON.stringify([...seen].sort())}\n`)
  for (const what of WANTED) expect({ what, met: seen.has(what) }).toEqual({ what, met: true })
})

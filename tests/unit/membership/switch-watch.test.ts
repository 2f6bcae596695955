import { SwitchWatch } from '../../../lib/core/membership/switch-watch'

const TIMES = { afterSilentMs: 3000, backAfterMs: 30_000 }
const LOOK_MS = 250

function watched(): { watch: SwitchWatch; pass: (ms: number, preferredAnswers?: boolean) => void } {
  let nowMs = 1000
  const watch = new SwitchWatch(nowMs, TIMES)
  return {
    watch,
    pass: (ms, preferredAnswers = true) => {
      for (const untilMs = nowMs + ms; nowMs < untilMs;) watch.look((nowMs += LOOK_MS), preferredAnswers)
    },
  }
}

test('who was asked and has not answered is silent after its time', () => {
  const { watch, pass } = watched()
  watch.asked()
  pass(2750)
  expect(watch.isSilent).toBe(false)
  pass(250)
  expect(watch.isSilent).toBe(true)
  watch.answered()
  expect(watch.isSilent).toBe(false)
})

test('who is asked every twelve seconds, as with a lease of a minute, and answers each time is never silent', () => {
  const { watch, pass } = watched()
  for (let round = 0; round < 5; round++) {
    watch.asked()
    pass(500)
    watch.answered()
    pass(11_500)
    expect(watch.isSilent).toBe(false)
  }
})

test('a process that stood still takes no time of that for a silence', () => {
  const { watch, pass } = watched()
  watch.asked()
  pass(250)
  watch.look(1_000_000, true)
  expect(watch.isSilent).toBe(false)
})

test('the preferred one is back when it was heard for its time without a gap', () => {
  const { watch, pass } = watched()
  pass(29_750)
  pass(250, false)
  expect(watch.preferredIsBack).toBe(false)
  pass(29_750)
  expect(watch.preferredIsBack).toBe(false)
  pass(250)
  expect(watch.preferredIsBack).toBe(true)
})

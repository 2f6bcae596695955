import { RestartPause } from '../../../lib/core/standalone/restart-pause'

const died = (pause: RestartPause, cameUp: boolean): number => {
  if (cameUp) pause.up()
  expect(pause.isUp).toBe(cameUp)
  return pause.ended()
}
const times = (count: number, act: () => number): number[] => Array.from({ length: count }, act)

test('a process that came up is started again at once, however often it dies', () => {
  const pause = new RestartPause()
  expect(new Set(times(100, () => died(pause, true)))).toEqual(new Set([0]))
})

test('one that dies at its start is held back from the third time on, up to 5 s', () => {
  const pause = new RestartPause()
  expect(times(10, () => died(pause, false))).toEqual([0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
})

test('one good life makes up for it', () => {
  const pause = new RestartPause()
  times(9, () => died(pause, false))
  expect([true, false, false, false].map((cameUp) => died(pause, cameUp))).toEqual([0, 0, 0, 100])
})

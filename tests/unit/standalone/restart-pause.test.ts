import { RestartPause } from '../../../lib/core/standalone/restart-pause'

test('a process that lived is started again at once, however often it dies', () => {
  const pause = new RestartPause()
  expect(Array.from({ length: 100 }, () => pause.ended(1000))).toEqual(Array.from({ length: 100 }, () => 0))
})

test('one that dies at its start twice is not held back, then longer and longer up to 5 s', () => {
  const pause = new RestartPause()
  expect(Array.from({ length: 10 }, () => pause.ended(999))).toEqual([0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
})

test('one good life makes up for it', () => {
  const pause = new RestartPause()
  for (let death = 0; death < 9; death += 1) pause.ended(10)
  expect([pause.ended(5000), pause.ended(10), pause.ended(10), pause.ended(10)]).toEqual([0, 0, 0, 100])
})

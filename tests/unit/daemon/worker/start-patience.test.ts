import { StartPatience } from '../../../../lib/daemon/worker/start-patience'

test('is over once, half a second after the peer was looked for, and not before anybody did', () => {
  const patience = new StartPatience()
  expect(patience.ends(1e9)).toBe(false)
  patience.begin(1000)
  expect([1499, 1500, 9999].map((ms) => patience.ends(ms))).toEqual([false, true, false])
})

test('lasts as long as the peer, asked again and again, says that it is taking the claim over', () => {
  const patience = new StartPatience()
  patience.begin(0)
  for (let ms = 400; ms < 6000; ms += 1000) patience.sealed(ms)
  expect([5000, 6899, 6900].map((ms) => patience.ends(ms))).toEqual([false, false, true])
})

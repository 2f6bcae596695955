import { StartPatience } from '../../../../lib/daemon/worker/start-patience'

test('is over once, half a second after the peer was looked for, and not before anybody did', () => {
  const patience = new StartPatience()
  patience.named(0)
  expect(patience.ends(1e9)).toBe(false)
  patience.begin(1000)
  expect([1499, 1500, 9999].map((ms) => patience.ends(ms))).toEqual([false, true, false])
})

test('lasts as long as the peer, asked again and again, says that it is taking the claim over', () => {
  const patience = new StartPatience()
  patience.named(0)
  patience.begin(0)
  for (let ms = 400; ms < 6000; ms += 1000) patience.sealed(ms)
  expect([5000, 8899, 8900].map((ms) => patience.ends(ms))).toEqual([false, false, true])
})

test('what the peer said counts, although the local replica opens, or the peer is named anew, after it', () => {
  const patience = new StartPatience()
  patience.sealed(0)
  patience.begin(100)
  patience.named(200)
  expect([700, 3499, 3500].map((ms) => patience.ends(ms))).toEqual([false, false, true])
})

test('lasts until the peer is named, and half a second more; ten seconds where nobody names it', () => {
  const alone = new StartPatience()
  alone.begin(0)
  expect([9999, 10_000].map((ms) => alone.ends(ms))).toEqual([false, true])
  const named = new StartPatience()
  named.begin(0)
  named.named(3000)
  named.named(3400)
  expect([3499, 3500].map((ms) => named.ends(ms))).toEqual([false, true])
})

test('lasts five seconds where the peer has just given the claim away: its worker begins anew', () => {
  const patience = new StartPatience()
  patience.given(0)
  patience.named(100)
  patience.begin(200)
  expect([4999, 5000, 5001].map((ms) => patience.ends(ms))).toEqual([false, true, false])
})

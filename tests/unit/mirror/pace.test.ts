import { Pace } from '../../../lib/core/mirror/pace'

const LIMITS = { guestLatencyMs: 20, bytesPerSecondMin: 1e6, bytesPerSecondMax: 400e6 }
const after = (pace: Pace, periods: number, tookMs: readonly number[]): number => {
  let bytes = 0
  for (let period = 0; period < periods; period++) {
    for (const took of tookMs) pace.answered(took)
    bytes = pace.allowance(1000)
  }
  return bytes
}

describe('pace of a resync', () => {
  test('rises step by step to the limit while the guest is content or asks for nothing', () => {
    const pace = new Pace(LIMITS)
    expect(Math.round(after(pace, 1, []) / 1e6)).toBe(220)
    expect(Math.round(after(pace, 1, [20, 20, 19]) / 1e6)).toBe(242)
    expect(after(pace, 30, [1])).toBe(400e6)
  })

  test('falls fast while the guest waits, but not below what ends the resync one day', () => {
    const pace = new Pace(LIMITS)
    expect(after(pace, 1, [21])).toBe(140e6)
    expect(after(pace, 1, [1, 1, 100])).toBe(98e6)
    expect(after(pace, 60, [500])).toBe(1e6)
    expect(after(pace, 1, [])).toBe(1.1e6)
  })

  test('judges by the average of one period only', () => {
    const pace = new Pace(LIMITS)
    after(pace, 10, [500])
    expect(after(pace, 1, [19, 21, 20])).toBeGreaterThan(after(new Pace(LIMITS), 10, [500]))
  })

  test('allows in proportion to the period, whole bytes, and never more than the limit from the start', () => {
    const slow = new Pace({ ...LIMITS, bytesPerSecondMin: 1, bytesPerSecondMax: 3 })
    expect([slow.allowance(1000), slow.allowance(100)]).toEqual([3, 1])
    const pace = new Pace(LIMITS)
    expect(Math.round(pace.allowance(50) / 1000)).toBe(11_000)
    expect(new Pace({ ...LIMITS, bytesPerSecondMin: 50, bytesPerSecondMax: 50 }).allowance(2000)).toBe(100)
  })
})

import { OutputLedger } from '../../../lib/core/checkpoint/output-ledger'
import { Pacing } from '../../../lib/core/checkpoint/pacing'
import { Dice } from '../../world/prng'

describe('held output', () => {
  test('leaves by epochs, in its order', () => {
    const ledger = new OutputLedger<string>(100)
    expect([...ledger.sent('a', 1), ...ledger.sent('b', 1)]).toEqual([])
    ledger.cut(0)
    ledger.sent('c', 1)
    ledger.cut(1)
    ledger.sent('d', 1)
    expect(ledger.release(0)).toEqual(['a', 'b'])
    expect(ledger.release(1)).toEqual(['c'])
    expect(ledger.release(1)).toEqual([])
    expect(ledger.free()).toEqual(['d'])
    expect(ledger.sent('e', 1)).toEqual(['e'])
  })

  test('never without a valid lease, and never once the term is spent', () => {
    const ledger = new OutputLedger<string>(100)
    ledger.sent('a', 1)
    ledger.cut(0)
    ledger.lease(false)
    expect(ledger.release(0)).toEqual([])
    expect(ledger.free()).toEqual([])
    expect(ledger.sent('b', 1)).toEqual([])
    expect(ledger.lease(true)).toEqual(['a', 'b'])
    ledger.lease(false)
    ledger.sent('c', 1)
    ledger.drop()
    expect([...ledger.lease(true), ...ledger.free(), ...ledger.sent('d', 1)]).toEqual([])
    expect(ledger.heldBytes).toBe(0)
  })

  test('what has no room is lost, and counted', () => {
    const ledger = new OutputLedger<string>(10)
    ledger.sent('a', 6)
    ledger.sent('b', 6)
    ledger.sent('c', 4)
    expect(ledger.refused).toBe(1)
    expect(ledger.heldBytes).toBe(10)
    expect(ledger.free()).toEqual(['a', 'c'])
    expect(ledger.heldBytes).toBe(0)
  })

  test('seeds 1 to 50: what left is what a list with the number of its epoch at each frame says', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const dice = new Dice(seed)
      const ledger = new OutputLedger<number>(1e9)
      const frames: { readonly frame: number; readonly epoch: number }[] = []
      const left: number[] = []
      let [epoch, released, valid] = [0, -1, true]
      for (let frame = 0; frame < 300; frame++) {
        const what = dice.below(6)
        if (what < 3) {
          frames.push({ frame, epoch })
          left.push(...ledger.sent(frame, 1))
        } else if (what === 3) ledger.cut(epoch++)
        else if (what === 4) {
          released = Math.max(released, dice.below(epoch + 1) - 1)
          left.push(...ledger.release(released))
        } else {
          valid = dice.chance(0.5)
          left.push(...ledger.lease(valid))
        }
        const may = frames.filter((each) => each.epoch <= released).map((each) => each.frame)
        if (valid) expect({ seed, left }).toEqual({ seed, left: may })
        else expect({ seed, left }).toEqual({ seed, left: may.slice(0, left.length) })
      }
    }
  })
})

describe('the pace of pauses', () => {
  const LIMITS = { intervalMinMs: 20, intervalMaxMs: 100, pauseShareMax: 0.25 }

  test('early when something waits, late when nothing does', () => {
    const pacing = new Pacing(LIMITS)
    expect(pacing.dueAtMs(1000, true)).toBe(1020)
    expect(pacing.dueAtMs(1000, false)).toBe(1100)
  })

  test.each([1, 5, 10, 50, 500])('with pauses of %i ms the guest stands for no more than its share', (pauseMs) => {
    const pacing = new Pacing(LIMITS)
    let [nowMs, stoodMs] = [0, 0]
    for (let count = 0; count < 100; count++) {
      if (count > 0) nowMs = pacing.dueAtMs(nowMs, true)
      nowMs += pauseMs
      stoodMs += pauseMs
      pacing.paused(pauseMs)
    }
    expect(stoodMs / pacing.dueAtMs(nowMs, true)).toBeLessThanOrEqual(LIMITS.pauseShareMax + 0.001)
  })
})

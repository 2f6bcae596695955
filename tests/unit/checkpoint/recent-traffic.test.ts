import { RecentTraffic, TRAFFIC_BYTES_MAX, TrafficBudget } from '../../../lib/core/checkpoint/recent-traffic'
import type { GuestFrame } from '../../../lib/core/domain/guest-frame'

const frame = (text: string, bytes = text.length): GuestFrame => ({ nic: 0, bytes: Buffer.alloc(bytes, text) })
const told = (frames: readonly GuestFrame[]): string => frames.map(({ bytes }) => bytes.toString()).join(' ')

describe('what of the traffic goes along', () => {
  test('is the first of an epoch, each way for itself, without a gap', () => {
    const budget = new TrafficBudget()
    expect(budget.admits('sent', TRAFFIC_BYTES_MAX - 10)).toBe(true)
    expect(budget.admits('sent', 11)).toBe(false)
    expect(budget.admits('sent', 1)).toBe(false)
    expect(budget.admits('came', TRAFFIC_BYTES_MAX)).toBe(true)
    expect(budget.admits('came', 1)).toBe(false)
    budget.renew()
    expect([budget.admits('sent', 11), budget.admits('came', 11)]).toEqual([true, true])
  })
})

describe('what a guest needs that goes on', () => {
  let traffic: RecentTraffic
  beforeEach(() => {
    traffic = new RecentTraffic()
    for (const epoch of [1, 2, 3, 4]) {
      traffic.keep(epoch, 'sent', [frame(`s${epoch}`)])
      traffic.keep(epoch, 'came', [frame(`c${epoch}`), frame(`d${epoch}`)])
    }
  })

  test('from the end of an epoch: what it has sent up to there, and what came after it', () => {
    traffic.complete(3)
    expect(told(traffic.of(3).sent)).toBe('s2 s3')
    expect(told(traffic.of(3).came)).toBe('c4 d4')
  })

  test('never what it has not sent itself', () => {
    traffic.keep(9, 'sent', [frame('s9')])
    expect(told(traffic.of(3).sent)).toBe('s1 s2 s3')
    expect(told(traffic.of(0).sent)).toBe('')
    expect(told(traffic.of(0).came)).toBe('c1 d1 c2 d2 c3 d3 c4 d4')
  })

  test('nothing is kept of what no take-over needs', () => {
    traffic.complete(9)
    expect(traffic.of(9)).toEqual({ sent: [], came: [] })
  })

  test('what has no room is left out, until there is room again', () => {
    for (let count = 0; count < 100; count++) traffic.keep(5, 'came', [frame('x', TRAFFIC_BYTES_MAX)])
    const kept = traffic.of(4).came.length
    expect(kept).toBeGreaterThan(10)
    expect(kept).toBeLessThan(40)
    traffic.complete(5)
    traffic.keep(6, 'came', [frame('c6')])
    expect(told(traffic.of(5).came)).toBe('c6')
  })
})

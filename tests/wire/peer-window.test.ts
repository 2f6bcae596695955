import type { PeerFrame } from '../../lib/wire/peer'
import { ReceiveWindow, SendWindow } from '../../lib/wire/peer-window'
import { SEED, seeded } from './seeded'

const frame = (seq: number): PeerFrame => ({ type: 'data', seq, volume: 0, data: Buffer.alloc(seq % 7) })

describe(`what a link remembers (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('sent frames are kept until they are confirmed', () => {
    const window = new SendWindow()
    for (let seq = 1; seq <= 5; seq++) expect(window.add(frame(seq)).position).toBe(seq)
    expect(window.unconfirmedBytes).toBe(5 * 64 + 15)
    expect(window.confirm(3)).toBe(true)
    expect(window.toRepeat().map(({ position }) => position)).toEqual([4, 5])
    expect(window.unconfirmedBytes).toBe(2 * 64 + 9)
    expect(window.confirm(2)).toBe(true)
    expect(window.toRepeat()).toHaveLength(2)
    expect(window.confirm(6)).toBe(false)
    expect(window.toRepeat()).toHaveLength(2)
    expect(window.confirm(5)).toBe(true)
    expect(window.unconfirmedBytes).toBe(0)
    expect(window.add(frame(1)).position).toBe(6)
  })

  test('data of every kind counts', () => {
    const window = new SendWindow()
    window.add({ type: 'epoch-part', run: 1, epoch: 0, kind: 'device', data: Buffer.alloc(1000), term: 1 })
    expect(window.unconfirmedBytes).toBe(1064)
  })

  test('received frames are delivered once, and a gap is seen', () => {
    const window = new ReceiveWindow()
    expect([2, 1, 1, 2, 4, 3, 1, 4].map((position) => window.accept(position))).toEqual([
      ...['gap', 'deliver', 'repeated', 'deliver', 'gap', 'deliver', 'repeated', 'deliver'],
    ])
    expect(window.received).toBe(4)
  })

  test('over connections that lose their tails, everything arrives once and in order', () => {
    const random = seeded(SEED)
    for (let round = 0; round < 200; round++) {
      const sender = new SendWindow()
      const receiver = new ReceiveWindow()
      const delivered: number[] = []
      let wire: { position: number; seq: number }[] = []
      let seq = 0
      for (let step = 0; step < 400; step++) {
        const dice = random()
        if (dice < 0.5) {
          const { position } = sender.add(frame(++seq))
          wire.push({ position, seq })
        } else if (dice < 0.9) {
          const first = wire.shift()
          if (first === undefined) continue
          const verdict = receiver.accept(first.position)
          expect(verdict).not.toBe('gap')
          if (verdict === 'deliver') delivered.push(first.seq)
        } else if (dice < 0.97) {
          expect(sender.confirm(receiver.received)).toBe(true)
        } else {
          // The connection dies with all that is on it; another one begins with what was not confirmed.
          wire = sender
            .toRepeat()
            .map((sent) => ({ position: sent.position, seq: sent.frame.type === 'data' ? sent.frame.seq : 0 }))
        }
      }
      expect(delivered).toEqual(Array.from({ length: delivered.length }, (_, index) => index + 1))
      expect(delivered.length + wire.length).toBeGreaterThanOrEqual(seq)
    }
  })
})

import { type Segment, streamOf } from './wire-story'

const segment = (seq: number, text: string, flags = '-'): Segment => ({
  ...{ atMs: 0, from: 6379, to: 40_000, seq, flags },
  payload: Buffer.from(text),
})

test('what is sent again is the same, or it is told where it is not', () => {
  expect(streamOf([segment(100, 'abc'), segment(103, 'def'), segment(101, 'bcd')])).toEqual({
    ...{ bytes: Buffer.from('abcdef'), repeated: 3, contradicted: [], missing: 0, resets: 0 },
  })
  expect(streamOf([segment(100, 'abc'), segment(100, 'abX'), segment(103, 'd')]).contradicted).toEqual([2])
})

test('sequence numbers that begin again, segments out of order, holes and resets', () => {
  const around = [segment(2 ** 32 - 2, 'ab'), segment(2, 'ef'), segment(0, 'cd'), segment(4, '', '-R')]
  expect(streamOf(around)).toMatchObject({ bytes: Buffer.from('abcdef'), contradicted: [], missing: 0, resets: 1 })
  expect(streamOf([segment(5, 'a'), segment(8, 'd')]).missing).toBe(2)
  expect(streamOf([])).toMatchObject({ missing: 0, resets: 0 })
})

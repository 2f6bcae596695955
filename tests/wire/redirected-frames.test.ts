import { RedirectedFrames } from '../../lib/wire/redirected-frames'
import { Malformed } from '../../lib/wire/shape'
import { Dice } from '../world/prng'

/** As QEMU writes it; big endian, by hand. */
function written(packet: Buffer, headerBytes = 12): Buffer {
  const number = (value: number): number[] => [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
  return Buffer.from([...number(packet.length), ...number(headerBytes), ...packet])
}

const PACKETS = [12, 60, 1514, 1526, 65_562, 69_632].map((length, at) => Buffer.alloc(length, at + 1))
const FRAMES = PACKETS.map((packet, at) => written(packet, at % 2 === 0 ? 12 : 0))

const equal = (some: readonly Buffer[], others: readonly Buffer[]): boolean =>
  some.length === others.length && some.every((each, at) => each.equals(others[at] ?? Buffer.alloc(0)))

test('frames come out as they were written, whole', () => {
  const frames = new RedirectedFrames()
  expect(equal(frames.push(Buffer.concat(FRAMES)), FRAMES)).toBe(true)
  expect(frames.tornBytes).toBe(0)
})

test('whatever chunks they come in', () => {
  const small = [12, 13, 20].map((length) => written(Buffer.alloc(length, length)))
  const stream = Buffer.concat(small)
  for (let first = 0; first <= stream.length; first++)
    for (let second = first; second <= stream.length; second++) {
      const frames = new RedirectedFrames()
      const pieces = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)]
      const out = pieces.flatMap((piece) => frames.push(Buffer.from(piece)))
      if (!equal(out, small)) throw new Error(`torn at ${first} and ${second}: ${out.length} frames`)
    }
})

test('seeds 1 to 20: chunks of any size, and how much is torn', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const dice = new Dice(seed)
    const stream = Buffer.concat(FRAMES)
    const frames = new RedirectedFrames()
    const out: Buffer[] = []
    for (let at = 0; at < stream.length;) {
      const bytes = 1 + dice.below(20_000)
      out.push(...frames.push(Buffer.from(stream.subarray(at, at + bytes))))
      at = Math.min(at + bytes, stream.length)
      expect(out.reduce((sum, frame) => sum + frame.length, frames.tornBytes)).toBe(at)
    }
    expect(equal(out, FRAMES)).toBe(true)
  }
})

test.each([
  ['nothing', [0, 0, 0, 0, 0, 0, 0, 0]],
  ['too much', [0, 1, 0x10, 1, 0, 0, 0, 12]],
  ['a header of no virtio', [0, 0, 0, 60, 0, 0, 0, 21]],
  ['more header than frame', [0, 0, 0, 10, 0, 0, 0, 12]],
])('a frame of %s is none', (_what, head) => {
  const frames = new RedirectedFrames()
  frames.push(Buffer.from(head.slice(0, 7)))
  expect(() => frames.push(Buffer.from(head.slice(7)))).toThrow(Malformed)
})

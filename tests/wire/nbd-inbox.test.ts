import { Inbox } from '../../lib/wire/nbd/inbox'
import { Slab } from '../../lib/wire/nbd/slab'
import { PoisonedMemory } from './poisoned-memory'
import { SEED, seeded } from './seeded'

/** The stream that both sides know; the period has nothing to do with any size here. */
const PERIOD = Buffer.from(Array.from({ length: 99_991 }, (_, place) => Math.imul(place, 2654435761) >>> 24))
const stretch = (start: number, end: number): Buffer => {
  const bytes = Buffer.alloc(end - start)
  for (let at = 0; at < bytes.length;) at += PERIOD.copy(bytes, at, (start + at) % PERIOD.length)
  return bytes
}

interface Lent {
  readonly data: Buffer
  readonly expected: Buffer
  readonly slab: Slab
}

describe(`an inbox (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('hands out the stream as it came, and lent data stay until they are given back', () => {
    const random = seeded(SEED)
    const upTo = (most: number): number => Math.floor(random() * (most + 1))
    for (let round = 0; round < 30; round++) {
      const memory = new PoisonedMemory()
      const inbox = new Inbox(memory)
      const lent: Lent[] = []
      const largest = [40, 3000, 40_000][round % 3] ?? 40
      let put = 0
      let taken = 0
      let wanted = 0
      for (let step = 0; step < 300; step++) {
        const bytes = 1 + upTo(largest)
        if (random() < 0.5) inbox.feed(stretch(put, (put += bytes)))
        else put += fillInPlace(inbox, put, bytes)
        if (wanted === 0) wanted = 1 + upTo(largest)
        while (wanted > 0 && inbox.has(wanted)) {
          const expected = stretch(taken, taken + wanted)
          const way = upTo(2)
          if (way === 0) {
            const { data, slab } = inbox.lend(wanted, wanted)
            lent.push({ data, expected, slab })
          } else if (way === 1) expect(inbox.skip(wanted)).toBe(wanted)
          else expect(inbox.take(wanted)?.equals(expected)).toBe(true)
          taken += wanted
          wanted = upTo(largest)
        }
        for (const { data, expected } of lent) expect(data.equals(expected)).toBe(true)
        while (lent.length > upTo(8)) lent.splice(upTo(lent.length - 1), 1)[0]?.slab.giveBack(true)
      }
      expect(inbox.length).toBe(put - taken)
      for (const { slab } of lent) slab.giveBack(true)
      inbox.close()
      expect(memory.lent).toBe(0)
    }
  })

  test('a row of equal writes, given back in time, is read into the same memory again and again', () => {
    for (const bytes of [512, 4096, 65_536, 1 << 20]) {
      const memory = new PoisonedMemory()
      const inbox = new Inbox(memory)
      const seen = new Set<ArrayBufferLike>()
      for (let index = 0; index < 600; index++) {
        for (let left = 28 + bytes; left > 0;) {
          const space = inbox.space()
          const part = Math.min(left, space.length, 200_000)
          inbox.filled(part)
          left -= part
          inbox.has(28 + bytes)
        }
        inbox.skip(28)
        const { data, slab } = inbox.lend(bytes, 28 + bytes)
        if (index > 50) seen.add(data.buffer)
        slab.giveBack(true)
      }
      expect(seen.size).toBe(1)
      inbox.close()
      expect(memory.lent).toBe(0)
    }
  })

  test('a payload that begins where it fits is where it was read', () => {
    const inbox = new Inbox(new PoisonedMemory())
    const space = inbox.space()
    space.fill(7, 0, 100)
    inbox.filled(100)
    inbox.skip(28)
    const { data } = inbox.lend(72, 100)
    space.fill(9, 0, 100)
    expect(data.equals(Buffer.alloc(72, 9))).toBe(true)
  })

  test('memory that may still be read is never used again', () => {
    const memory = new PoisonedMemory()
    const inbox = new Inbox(memory)
    inbox.feed(Buffer.alloc(10, 1))
    const { data, slab } = inbox.lend(10, 10)
    slab.giveBack(false)
    for (let index = 0; index < 100; index++) {
      inbox.feed(Buffer.alloc(4000, 2))
      inbox.skip(4000)
    }
    inbox.close()
    expect(data.equals(Buffer.alloc(10, 1))).toBe(true)
    expect(memory.idle.some(({ buffer }) => buffer === data.buffer)).toBe(false)
  })

  test('what comes after the end harms nobody', () => {
    const memory = new PoisonedMemory()
    const inbox = new Inbox(memory)
    const before = inbox.space()
    inbox.close()
    expect(inbox.space().buffer).not.toBe(before.buffer)
    inbox.feed(Buffer.alloc(100_000, 1))
    expect(memory.idle.every((buffer) => buffer.every((byte) => byte === 0xdd))).toBe(true)
  })

  test('a payload that is given back twice is a bug', () => {
    const slab = new Slab(new PoisonedMemory(), 100)
    slab.lend(0, 10)
    slab.giveBack(true)
    expect(() => slab.giveBack(true)).toThrow('comes back once')
  })
})

function fillInPlace(inbox: Inbox, from: number, most: number): number {
  const space = inbox.space()
  const bytes = stretch(from, from + Math.min(most, space.length)).copy(space)
  inbox.filled(bytes)
  return bytes
}

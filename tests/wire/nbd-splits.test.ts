import type { NbdEvent } from '../../lib/wire/nbd/conversation'
import { events, GO, hex, OPTION, REQUEST } from './nbd-bytes'
import { pieces, SEED, seeded } from './seeded'

const STREAM = Buffer.concat([
  hex('00000003', OPTION, '0000abcd 00000003 010203', OPTION, '00000003 00000000'),
  GO.subarray(4),
  hex(REQUEST, '0000 0001', '0000000000000001', '0000000000000000 00000005', '6869736f6d'),
  hex(REQUEST, '0000 0000', '0000000000000002', '0000000000000000 00000005'),
  hex(REQUEST, '0000 0001', '0000000000000003', '000000000000ffff 00000003', '256095'),
  hex(REQUEST, '0000 0003', '0000000000000004', '0000000000000000 00000000'),
  hex(REQUEST, '0001 0006', '0000000000000005', '0000000000000200 00000200'),
  hex(REQUEST, '0000 0002', '0000000000000006', '0000000000000000 00000000'),
])

/** Buffers as text, so that a joined payload and one that came whole compare equal. */
const plain = (all: readonly NbdEvent[]): string =>
  JSON.stringify(all, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))

describe(`NBD bytes in pieces (HOLDFAST_TEST_SEED=${SEED})`, () => {
  const whole = plain(events([STREAM]))

  test('the stream holds what it should', () => {
    expect(events([STREAM]).map(({ kind }) => kind)).toEqual([
      ...['send', 'send', 'open', 'request', 'request', 'send', 'request', 'request', 'close'],
    ])
  })

  test('every split in two, and every split in three with a middle of one to four bytes', () => {
    for (let at = 0; at <= STREAM.length; at++) {
      expect(plain(events([STREAM.subarray(0, at), STREAM.subarray(at)]))).toBe(whole)
      for (let middle = 1; middle <= 4; middle++) {
        const parts = [STREAM.subarray(0, at), STREAM.subarray(at, at + middle), STREAM.subarray(at + middle)]
        expect(plain(events(parts))).toBe(whole)
      }
    }
  })

  test('byte by byte, and in random pieces', () => {
    expect(plain(events([...STREAM].map((byte) => Buffer.from([byte]))))).toBe(whole)
    const random = seeded(SEED)
    for (let round = 0; round < 300; round++) expect(plain(events(pieces(STREAM, random, 40)))).toBe(whole)
  })

  test('a payload that came in one piece is not copied', () => {
    const whole = Buffer.from(STREAM)
    const write = events([whole]).find((event) => event.kind === 'request' && event.request.kind === 'write')
    const data = write?.kind === 'request' && write.request.kind === 'write' ? write.request.data : Buffer.alloc(0)
    expect(data.toString()).toBe('hisom')
    whole.fill('x')
    expect(data.toString()).toBe('xxxxx')
  })

  test('garbage ends in a close or in waiting, never in an exception, and says nothing after a close', () => {
    const random = seeded(SEED)
    const byte = (): number => Math.floor(random() * 256)
    let closes = 0
    for (let round = 0; round < 3000; round++) {
      const damaged = Buffer.from(STREAM)
      for (let turns = 1 + Math.floor(random() * 4); turns > 0; turns--) {
        damaged.writeUInt8(byte(), Math.floor(random() * damaged.length))
      }
      const noise = Buffer.from(Array.from({ length: 60 }, byte))
      const start = Math.floor(random() * STREAM.length)
      const hostile = round % 2 === 0 ? damaged : Buffer.concat([STREAM.subarray(0, start), noise, STREAM])
      const kinds = events(pieces(hostile, random, 100)).map(({ kind }) => kind)
      const close = kinds.indexOf('close')
      if (close >= 0) closes++
      expect(close === -1 || close === kinds.length - 1).toBe(true)
    }
    expect(closes).toBeGreaterThan(500)
  })
})

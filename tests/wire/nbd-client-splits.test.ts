import { hex } from './nbd-bytes'
import { BLOCKS, EXPORT, GO_ACK, heard, NEWSTYLE, replies, TLS_ACK } from './nbd-client-bytes'
import { pieces, SEED, seeded, streams } from './seeded'

const plain = (all: readonly unknown[]): string => JSON.stringify(all)
const joined = (parts: readonly string[]): Buffer => hex(...parts)
const CASES: readonly [string, Buffer, (parts: readonly Buffer[]) => string][] = [
  ['a handshake by GO', Buffer.concat([NEWSTYLE, EXPORT, BLOCKS, GO_ACK]), (parts) => plain(heard(parts))],
  ['a handshake with TLS', Buffer.concat([NEWSTYLE, TLS_ACK, EXPORT, GO_ACK]), (parts) => plain(heard(parts, { tls: true }))],
  [
    'a handshake by name with the gap',
    joined(['4e42444d41474943 49484156454f5054 0000', '0000000000010000 004d', '00'.repeat(124)]),
    (parts) => plain(heard(parts)),
  ],
  [
    'replies',
    joined([
      ...['67446698 00000000 0000000000000002', '6865786167'],
      ...['67446698 00000000 0000000000000001', '67446698 00000005 0000000000000003'],
      ...['67446698 00000000 0000000000000004', '67446698'],
    ]),
    (parts) => plain(replies(parts, { 1: 0, 2: 5, 3: 9, 4: 4 })),
  ],
  [
    "replies in tapdisk's dialect",
    joined(['67446698 fffffffb 0000000000000002', '6865786167', '67446698 00000000 0000000000000001', '3132']),
    (parts) => plain(replies(parts, { 1: 2, 2: 5 }, true)),
  ],
]

describe.each(CASES)(`%s in pieces (HOLDFAST_TEST_SEED=${SEED})`, (_name, stream, understood) => {
  const whole = understood([stream])

  test('every split in two, and every split in three with a middle of one to four bytes', () => {
    expect(whole).not.toContain('garbage')
    expect(whole).not.toContain('failed')
    for (let at = 0; at <= stream.length; at++) {
      for (let middle = 0; middle <= 4; middle++) {
        const parts = [stream.subarray(0, at), stream.subarray(at, at + middle), stream.subarray(at + middle)]
        expect(understood(parts)).toBe(whole)
      }
    }
  })

  test('byte by byte, and in random pieces', () => {
    expect(understood([...stream].map((byte) => Buffer.from([byte])))).toBe(whole)
    const random = seeded(SEED)
    for (let round = 0; round < 200; round++) expect(understood(pieces(stream, random, 30))).toBe(whole)
  })

  test('damage ends in an end or in waiting, never in an exception', () => {
    let different = 0
    for (const random of streams()) {
      for (let round = 0; round < 750; round++) {
        const damaged = Buffer.from(stream)
        for (let turns = 1 + Math.floor(random() * 3); turns > 0; turns--)
          damaged.writeUInt8(Math.floor(random() * 256), Math.floor(random() * damaged.length))
        const noise = Buffer.from(Array.from({ length: 50 }, () => Math.floor(random() * 256)))
        const start = Math.floor(random() * stream.length)
        const hostile = round % 2 === 0 ? damaged : Buffer.concat([stream.subarray(0, start), noise, stream])
        if (understood(pieces(hostile, random, 60)) !== whole) different++
      }
    }
    expect(different).toBeGreaterThan(150)
  })
})

import { NbdConversation, type NbdEvent } from '../../lib/wire/nbd/conversation'
import type { NbdPolicy } from '../../lib/wire/nbd/handshake'
import { Inbox } from '../../lib/wire/nbd/inbox'
import { ALLOCATION, GO, hex, OFFER, OPTION, REQUEST, STRUCTURED } from './nbd-bytes'
import { PoisonedMemory } from './poisoned-memory'
import { pieces, SEED, seeded, streams } from './seeded'

const REQUESTS = [
  hex(REQUEST, '0000 0001', '0000000000000001', '0000000000000000 00000005', '6869736f6d'),
  hex(REQUEST, '0000 0000', '0000000000000002', '0000000000000000 00000005'),
  hex(REQUEST, '0000 0001', '0000000000000003', '000000000000ffff 00000003', '256095'),
  hex(REQUEST, '0000 0003', '0000000000000004', '0000000000000000 00000000'),
  hex(REQUEST, '0001 0006', '0000000000000005', '0000000000000200 00000200'),
  hex(REQUEST, '0008 0007', '0000000000000006', '0000000000000200 00000200'),
  hex(REQUEST, '0000 0002', '0000000000000007', '0000000000000000 00000000'),
]
const OLD = Buffer.concat([hex('00000003', OPTION, '00000001 0000000f', '7461706469736b5f636c69656e74 00'), ...REQUESTS])
const SIMPLE = Buffer.concat([
  hex('00000003', OPTION, '0000abcd 00000003 010203', OPTION, '00000003 00000000'),
  ...[GO.subarray(4), ...REQUESTS],
])
const CHUNKS = Buffer.concat([hex('00000003'), STRUCTURED, ALLOCATION, GO.subarray(4), ...REQUESTS])
const OFF: NbdPolicy = { tls: 'off', structured: true }
const REQUIRED: NbdPolicy = { tls: 'required', structured: true }

const DIALECTS: readonly (readonly [string, NbdPolicy, readonly Buffer[], readonly string[]])[] = [
  ['oldest', OFF, [OLD], ['open', 'write', 'read', 'send', 'flush', 'zero', 'send', 'close']],
  ['simple replies', OFF, [SIMPLE], ['send', 'send', 'open', 'write', 'read', 'send', 'flush', 'zero', 'send', 'close']],
  ['structured replies', OFF, [CHUNKS], ['send', 'send', 'open', 'write', 'read', 'send', 'flush', 'zero', 'status', 'close']],
  [
    'TLS',
    REQUIRED,
    [Buffer.concat([hex('00000003'), GO.subarray(4), hex(OPTION, '00000005 00000000')]), CHUNKS.subarray(4)],
    ['send', 'start-tls', 'send', 'send', 'open', 'write', 'read', 'send', 'flush', 'zero', 'status', 'close'],
  ],
]

/** How bytes get into the inbox. */
const WAYS: readonly (readonly [string, (inbox: Inbox, piece: Buffer) => void])[] = [
  ['copied', (inbox, piece) => inbox.feed(piece)],
  [
    'read in place',
    (inbox, piece) => {
      for (let at = 0; at < piece.length;) {
        const bytes = piece.copy(inbox.space(), 0, at)
        inbox.filled(bytes)
        at += bytes
      }
    },
  ],
]

/** What happened, as text. Data are given back at once, so that they may be overwritten as soon as that is allowed. */
function heard(policy: NbdPolicy, put: (inbox: Inbox, piece: Buffer) => void, chunks: readonly Buffer[]): string[] {
  const inbox = new Inbox(new PoisonedMemory())
  const conversation = new NbdConversation([OFFER], inbox, policy)
  const all: string[] = []
  for (const chunk of chunks) {
    put(inbox, chunk)
    for (let event = conversation.next(); event !== null; event = conversation.next()) {
      if (event.kind === 'start-tls') conversation.secured()
      if (event.kind !== 'payload') all.push(plain(event))
    }
  }
  return all
}

function plain(event: NbdEvent): string {
  if (event.kind !== 'request' || event.request.kind !== 'write') return JSON.stringify(event)
  const { slab, ...request } = event.request
  const text = JSON.stringify({ ...event, request })
  slab.giveBack(true)
  return text
}

const named = (event: string): string => {
  const { kind, request } = JSON.parse(event) as { kind: string; request?: { kind: string } }
  return request?.kind ?? kind
}

describe(`NBD bytes in pieces (HOLDFAST_TEST_SEED=${SEED})`, () => {
  describe.each(DIALECTS)('%s', (_dialect, policy, parts, kinds) => {
    const whole = heard(policy, (inbox, piece) => inbox.feed(piece), parts)

    test('the stream holds what it should', () => {
      expect(whole.map(named)).toEqual(kinds)
    })

    // What follows STARTTLS waits for TLS, so no piece may reach across it.
    const cut = (at: number, middle: number): Buffer[] => {
      let start = 0
      return parts.flatMap((part) => {
        const [first, second] = [at - start, at + middle - start].map((place) => Math.max(0, Math.min(part.length, place)))
        start += part.length
        return [part.subarray(0, first), part.subarray(first, second), part.subarray(second)]
      })
    }
    const total = parts.reduce((sum, part) => sum + part.length, 0)

    test.each(WAYS)('every split in two, and in three with a middle of one to four bytes, %s', (_way, put) => {
      for (let at = 0; at <= total; at++) {
        for (let middle = 0; middle <= 4; middle++) expect(heard(policy, put, cut(at, middle))).toEqual(whole)
      }
    })

    test.each(WAYS)('byte by byte, and in random pieces, %s', (_way, put) => {
      expect(
        heard(
          policy,
          put,
          parts.flatMap((part) => pieces(part, () => 0, 1)),
        ),
      ).toEqual(whole)
      const random = seeded(SEED)
      for (let round = 0; round < 100; round++) {
        expect(
          heard(
            policy,
            put,
            parts.flatMap((part) => pieces(part, random, 40)),
          ),
        ).toEqual(whole)
      }
    })
  })

  test('garbage ends in a close or in waiting, never in an exception, and says nothing after a close', () => {
    let closes = 0
    for (const random of streams()) {
      const byte = (): number => Math.floor(random() * 256)
      for (let round = 0; round < 2000; round++) {
        const [, policy, [stream = OLD]] = DIALECTS[round % DIALECTS.length] ?? ['', OFF, []]
        const damaged = Buffer.from(stream)
        for (let turns = 1 + Math.floor(random() * 4); turns > 0; turns--) {
          damaged.writeUInt8(byte(), Math.floor(random() * damaged.length))
        }
        const noise = Buffer.from(Array.from({ length: 60 }, byte))
        const start = Math.floor(random() * stream.length)
        const hostile = round % 3 > 0 ? damaged : Buffer.concat([stream.subarray(0, start), noise, stream])
        const put = WAYS[round % 2]?.[1]
        if (put === undefined) throw new Error('two ways')
        const kinds = heard(policy, put, pieces(hostile, random, 100)).map(named)
        const close = kinds.indexOf('close')
        if (close >= 0) closes++
        expect(close === -1 || close === kinds.length - 1).toBe(true)
      }
    }
    expect(closes).toBeGreaterThan(500)
  })
})

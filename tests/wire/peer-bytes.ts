import type { Claim } from '../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../lib/core/domain/ids'
import { Inbox } from '../../lib/wire/nbd/inbox'
import { PeerDecoder, type PeerFault } from '../../lib/wire/peer-decode'
import { PEER_PROTOCOL } from '../../lib/wire/peer'
import { payloadOf, prefaceOf, putEnvelope } from '../../lib/wire/peer-encode'
import type { Envelope, WireFrame } from '../../lib/wire/peer-envelope'
import { PEER_HEADER_BYTES } from '../../lib/wire/peer-header'

/** Every envelope, up to the first fault, that these pieces hold. */
export function decoded(chunks: readonly Buffer[]): (Envelope | PeerFault)[] {
  const inbox = new Inbox()
  const decoder = new PeerDecoder(inbox)
  const all: (Envelope | PeerFault)[] = []
  for (const chunk of chunks) {
    inbox.feed(chunk)
    for (let next = decoder.next(); next !== null; next = decoder.next()) {
      all.push(next)
      if ('fault' in next) return all
    }
  }
  return all
}

/** As it goes over the wire: header, preface, payload. */
export function encoded(envelope: Envelope): readonly [Buffer, Buffer, Buffer] {
  const preface = prefaceOf(envelope.frame)
  const payload = payloadOf(envelope.frame)
  // Not at the beginning, and in memory that was used before.
  const bytes = Buffer.alloc(3 + PEER_HEADER_BYTES, 0xee)
  putEnvelope(envelope, preface.length + payload.length, bytes, 3)
  return [bytes.subarray(3), preface, payload]
}

export const envelope = (frame: WireFrame, position: number, resume = false): Envelope => ({
  session: 0xdeadbeef,
  resume,
  position,
  received: 5,
  frame,
})

const HISTORY = { current: '0123456789abcdef', bitmap: '', former: '', history: ['fedcba9876543210'] }
const PRESENCE = { identity: 'r', incarnation: 'i-1', state: 'outdated', generations: HISTORY, cacheKept: true } as const

const HOST = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const CLAIM: Claim = {
  ...{ vm: vmUuid('eeeeeeee-0000-4000-8000-000000000001'), term: 3, holder: HOST, leaseMs: 1500 },
  upToDate: { [volumeKey('dddddddd-0000-4000-8000-000000000004')]: [HOST] },
  lockstep: null,
}

const TRAFFIC = { type: 'epoch-traffic', run: 7, epoch: 2 ** 53 - 1, term: 3 } as const
const PART = { type: 'epoch-part', run: 7, epoch: 1, term: 3 } as const

/** One of each type, with the numbers at their ends. */
export const EVERY_FRAME: readonly Envelope[] = [
  envelope(
    {
      type: 'hello',
      hello: {
        protocol: PEER_PROTOCOL,
        pool: 'p',
        vm: 'v',
        host: 'h',
        incarnation: 'i',
        term: 3,
        linkId: 2 ** 50,
        volumes: [{ key: 'k', sizeBytes: 2 ** 45 }],
      },
    },
    0,
    true,
  ),
  envelope(
    {
      type: 'welcome',
      welcome: { protocol: PEER_PROTOCOL, host: 'g' },
    },
    0,
  ),
  envelope({ type: 'welcome', welcome: { protocol: PEER_PROTOCOL, host: 'g', notes: true } }, 0),
  envelope({ type: 'welcome', welcome: { protocol: PEER_PROTOCOL, host: 'g', lockstep: true } }, 0),
  envelope({ type: 'refuse', refuse: { code: 'TERM', text: 'term 9 was seen', term: 9 } }, 0),
  envelope({ type: 'write', seq: 7, volume: 2, offset: 4096, data: Buffer.from('guest data'), term: 3, fua: true }, 1),
  envelope(
    { type: 'write', seq: 8, volume: 0xffff, offset: Number.MAX_SAFE_INTEGER, data: Buffer.alloc(0), term: 0, fua: false },
    2,
  ),
  envelope({ type: 'zero', seq: 9, volume: 1, offset: 2 ** 40, length: 2 ** 32 - 1, punch: true, term: 3, fua: false }, 3),
  envelope({ type: 'zero', seq: 9, volume: 1, offset: 0, length: 1, punch: false, term: 3, fua: true }, 4),
  envelope({ type: 'flush', seq: 10, volume: 0, term: 3 }, 5),
  envelope({ type: 'read', seq: 11, volume: 0, offset: 512, length: 65536, term: 3 }, 6),
  envelope({ type: 'done', seq: 7, volume: 3, error: '' }, 7),
  envelope({ type: 'done', seq: 7, volume: 0xffff, error: 'EIO' }, 8),
  envelope({ type: 'data', seq: 11, volume: 1, data: Buffer.alloc(300, 0x61) }, 9),
  envelope({ type: 'ping', id: 2 ** 53 - 1, term: 3, guestActive: true }, 10),
  envelope({ type: 'pong', id: 1 }, 11),
  envelope({ type: 'hash', seq: 12, volume: 1, offset: 65536, length: 131072, term: 3 }, 12),
  envelope({ type: 'mark', seq: 13, volume: 1, mark: { bits: 'all' }, term: 3 }, 13),
  envelope(
    { type: 'mark', seq: 14, volume: 1, mark: { bits: 'none', state: 'inconsistent', generations: HISTORY }, term: 3 },
    14,
  ),
  envelope({ type: 'hint', volume: 1, hint: { kind: 'settled', before: 99 }, term: 3 }, 15),
  envelope({ type: 'hint', volume: 1, hint: { kind: 'clean', runs: [{ first: 0, last: 7 }] }, term: 3 }, 16),
  envelope({ type: 'bits', volume: 1, page: 1023, data: Buffer.alloc(4096, 0x81) }, 17),
  envelope({ type: 'present', volume: 1, presence: PRESENCE }, 18),
  envelope({ type: 'gone', volume: 1, error: 'EIO' }, Number.MAX_SAFE_INTEGER),
  envelope({ type: 'note', note: { generation: 4, by: 'w', pending: null }, term: 2 ** 53 - 1 }, 19),
  envelope({ type: 'note', note: { generation: 5, by: 'w', pending: CLAIM, untold: [HOST] }, term: 3 }, 20),
  envelope({ type: 'noted', noted: { generation: 5, by: 'w', pendingTerm: 3 } }, 21),
  envelope({ type: 'noted', noted: { generation: 5, by: 'w', pendingTerm: null } }, 22),
  envelope({ type: 'spent', term: 2 ** 53 - 1 }, 23),
  envelope({ type: 'epoch-begin', run: 1, memoryBytes: 4096, way: 'devices', term: 3 }, 24),
  envelope({ type: 'epoch-begin', run: 2 ** 48 - 1, memoryBytes: 2 ** 44, way: 'migration', term: 2 ** 53 - 1 }, 25),
  envelope({ ...PART, kind: 'memory', runs: [], data: Buffer.alloc(0) }, 26),
  envelope({ ...PART, epoch: 2 ** 53 - 1, kind: 'device', data: Buffer.from('state of the processors') }, 28),
  envelope({ type: 'epoch-cut', run: 7, epoch: 0, term: 3 }, 29),
  envelope({ type: 'epoch-end', run: 7, epoch: 2 ** 53 - 1, parts: 2 ** 32 - 1, term: 3 }, 30),
  envelope({ type: 'epoch-leave', run: 7, term: 3 }, 31),
  envelope({ type: 'epoch-begun', run: 7 }, 32),
  envelope({ type: 'epoch-ack', run: 7, epoch: 2 ** 53 - 1 }, 33),
  envelope({ type: 'epoch-left', run: 7 }, 34),
  envelope({ type: 'epoch-press', run: 2 ** 48 - 1 }, 35),
  envelope({ type: 'epoch-failed', run: 7, error: 'no room for a standby' }, 36),
  envelope(
    {
      ...TRAFFIC,
      way: 'sent',
      frames: [
        { nic: 0, bytes: Buffer.from('first') },
        { nic: 2 ** 16 - 1, bytes: Buffer.from('2nd') },
      ],
    },
    37,
  ),
  envelope({ ...TRAFFIC, way: 'came', frames: [] }, 38),
  envelope({ type: 'link-ping' }, 0),
  envelope({ type: 'link-ack' }, 0),
  envelope({ type: 'bye', reason: 'the worker stops' }, 0),
]

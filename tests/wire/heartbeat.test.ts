import { createHmac } from 'node:crypto'
import { HEARD_HOSTS_MAX, type Heartbeat } from '../../lib/core/domain/heartbeat'
import { hostUuid } from '../../lib/core/domain/ids'
import { decodeHeartbeat, encodeHeartbeat, HEARTBEAT_BYTES_MAX } from '../../lib/wire/heartbeat'
import { Dice } from '../world/prng'

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex')
const tagOf = (signed: Buffer): Buffer => createHmac('sha256', KEY).update(signed).digest()
const isTag = (signed: Buffer, tag: Buffer): boolean => tagOf(signed).equals(tag)

const heartbeat: Heartbeat = {
  pool: '99999999-0000-4000-8000-000000000009',
  host: hostUuid('aaaaaaaa-0000-4000-8000-000000000001'),
  incarnation: 1_770_000_000_000,
  counter: 258,
  link: 'alink0',
  role: { coordinator: true, xapiUp: false },
  sender: null,
}
const ofVersion2: Heartbeat = {
  ...heartbeat,
  sender: {
    clockMs: 0x0102030405,
    worstLagMs: 0x0607,
    hears: [
      { host: hostUuid('bbbbbbbb-0000-4000-8000-000000000002'), counter: 0x0809, ageMs: 0x0a, links: 3 },
      { host: hostUuid('cccccccc-0000-4000-8000-000000000003'), counter: 0, ageMs: 0xffffffff, links: 0xffffffff },
    ],
  },
}
/** Put together by hand from the table in lib/wire/heartbeat.ts, the tag computed by another language's library. */
const GOLDEN = [
  '48466862 01 01 06 00',
  '99999999000040008000000000000009',
  'aaaaaaaa000040008000000000000001',
  '0000019c1c38a400 0000000000000102',
  '616c696e6b30',
  'bd62c2fac65d2ba22ecb9525fac6cfdbb0e425eb6135020bce591f79d784cbef',
]

const GOLDEN_2 = [
  '48466862 02 01 06 00',
  '99999999000040008000000000000009',
  'aaaaaaaa000040008000000000000001',
  '0000019c1c38a400 0000000000000102',
  '616c696e6b30',
  '0000000102030405 00000607 02',
  'bbbbbbbb000040008000000000000002 0000000000000809 0000000a 00000003',
  'cccccccc000040008000000000000003 0000000000000000 ffffffff ffffffff',
  '3a50d7293da55a5c2dbe894ff8af8b712d87411738a750af76c6f97a1f20c07a',
]

test.each([
  ['1', heartbeat, GOLDEN],
  ['2', ofVersion2, GOLDEN_2],
])('bytes on the wire of version %s', (_, sent, golden) => {
  expect(encodeHeartbeat(sent, tagOf).toString('hex')).toBe(golden.join('').replaceAll(' ', ''))
  expect(decodeHeartbeat(encodeHeartbeat(sent, tagOf), isTag)).toEqual(sent)
})

test('every role, link and number comes back as it was', () => {
  for (const coordinator of [false, true])
    for (const xapiUp of [false, true])
      for (const link of ['m', 'alink1', 'x'.repeat(32)])
        for (const counter of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
          const sent = { ...heartbeat, link, counter, role: { coordinator, xapiUp } }
          const datagram = encodeHeartbeat(sent, tagOf)
          expect(datagram.length).toBeLessThanOrEqual(HEARTBEAT_BYTES_MAX)
          expect(decodeHeartbeat(datagram, isTag)).toEqual(sent)
        }
})

test.each(['', 'x'.repeat(33), 'a b', 'ü'])('%j cannot be the name of a link', (link) => {
  expect(() => encodeHeartbeat({ ...heartbeat, link }, tagOf)).toThrow(TypeError)
})

test('a heartbeat names as many hosts as fit, and a clock that a number holds', () => {
  const hears = Array.from({ length: HEARD_HOSTS_MAX }, (_, counter) => ({
    host: heartbeat.host,
    counter,
    ageMs: counter,
    links: 1,
  }))
  const sender = { clockMs: Number.MAX_SAFE_INTEGER, worstLagMs: 0, hears }
  const largest = encodeHeartbeat({ ...heartbeat, link: 'x'.repeat(32), sender }, tagOf)
  expect(largest).toHaveLength(HEARTBEAT_BYTES_MAX)
  expect(largest.length).toBeLessThan(1280 - 48)
  expect(decodeHeartbeat(largest, isTag)?.sender).toEqual(sender)
  const more = { ...sender, hears: [...hears, ...hears.slice(0, 1)] }
  expect(() => encodeHeartbeat({ ...heartbeat, sender: more }, tagOf)).toThrow(TypeError)
})

test.each([heartbeat, ofVersion2])('no bit can be changed, no byte cut off or added', (sent) => {
  const datagram = encodeHeartbeat(sent, tagOf)
  for (let bit = 0; bit < datagram.length * 8; bit += 1) {
    const changed = Buffer.from(datagram)
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    expect({ bit, decoded: decodeHeartbeat(changed, isTag) }).toEqual({ bit, decoded: null })
  }
  for (let length = 0; length < datagram.length; length += 1)
    expect(decodeHeartbeat(datagram.subarray(0, length), isTag)).toBeNull()
  expect(decodeHeartbeat(Buffer.concat([datagram, Buffer.alloc(1)]), isTag)).toBeNull()
})

test('a well-signed datagram with an impossible content is no heartbeat', () => {
  const signed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = encodeHeartbeat(heartbeat, tagOf).subarray(0, -32)
    change(bytes)
    return Buffer.concat([bytes, tagOf(bytes)])
  }
  expect(
    decodeHeartbeat(
      signed(() => undefined),
      isTag,
    ),
  ).toEqual(heartbeat)
  expect(
    decodeHeartbeat(
      signed((bytes) => bytes.writeUInt8(3, 4)),
      isTag,
    ),
  ).toBeNull()
  expect(
    decodeHeartbeat(
      signed((bytes) => bytes.writeUInt8(0x80, 40)),
      isTag,
    ),
  ).toBeNull()
  expect(
    decodeHeartbeat(
      signed((bytes) => bytes.writeUInt8(0x80, 48)),
      isTag,
    ),
  ).toBeNull()
  expect(
    decodeHeartbeat(
      signed((bytes) => bytes.writeUInt8(10, 56)),
      isTag,
    ),
  ).toBeNull()
})

test('a well-signed one of version 2 with an impossible content is no heartbeat', () => {
  const at = 62
  const changes: ((bytes: Buffer) => Buffer)[] = [
    (bytes) => bytes.subarray(0, -1),
    (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]),
    (bytes) => bytes.subarray(0, at + 12),
    (bytes) => bytes.subarray(0, at),
    (bytes) => with8(bytes, at + 12, 1),
    (bytes) => with8(bytes, at + 12, 33),
    (bytes) => with8(bytes, at, 0x80),
    (bytes) => with8(bytes, at + 13 + 16, 0x80),
    (bytes) => with8(bytes, 6, 33),
    (bytes) => with8(bytes, 4, 1),
  ]
  const bytes = encodeHeartbeat(ofVersion2, tagOf).subarray(0, -32)
  for (const [nth, change] of changes.entries()) {
    const changed = change(Buffer.from(bytes))
    expect({ nth, decoded: decodeHeartbeat(Buffer.concat([changed, tagOf(changed)]), isTag) }).toEqual({ nth, decoded: null })
  }
})

function with8(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt8(value, at)
  return bytes
}

test('seeds 1 to 500: garbage with a good head and a tag that is believed is a heartbeat or none, and never more than was sent', () => {
  const head = encodeHeartbeat(ofVersion2, tagOf).subarray(0, 62)
  let decodable = 0
  for (let seed = 1; seed <= 500; seed += 1) {
    const dice = new Dice(seed)
    const count = dice.below(40)
    const health = dice.bytes(13 + 32 * (dice.chance(0.5) ? count : dice.below(40)))
    if (dice.chance(0.5)) health.writeUInt8(count, 12)
    // Most drawn clocks and counters are too large for a number.
    for (let at = -3; at < health.length - 8; at += 32) if (dice.chance(0.98)) health.fill(0, Math.max(0, at), at + 5)
    const decoded = decodeHeartbeat(Buffer.concat([head, health, Buffer.alloc(32)]), () => true)
    if (decoded?.sender === null || decoded === null) continue
    decodable += 1
    expect({ seed, length: 13 + 32 * decoded.sender.hears.length }).toEqual({ seed, length: health.length })
  }
  expect(decodable).toBeGreaterThan(5)
})

test('seeds 1 to 500: garbage is no heartbeat, even where every tag is believed', () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const dice = new Dice(seed)
    const garbage = dice.bytes(dice.below(2 * HEARTBEAT_BYTES_MAX))
    expect({ seed, decoded: decodeHeartbeat(garbage, () => true) }).toEqual({ seed, decoded: null })
  }
})

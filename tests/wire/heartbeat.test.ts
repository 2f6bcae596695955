import { createHmac } from 'node:crypto'
import type { Heartbeat } from '../../lib/core/domain/heartbeat'
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

test('bytes on the wire', () => {
  expect(encodeHeartbeat(heartbeat, tagOf).toString('hex')).toBe(GOLDEN.join('').replaceAll(' ', ''))
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

test('no bit can be changed, no byte cut off or added', () => {
  const datagram = encodeHeartbeat(heartbeat, tagOf)
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
      signed((bytes) => bytes.writeUInt8(2, 4)),
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

test('seeds 1 to 500: garbage is no heartbeat, even where every tag is believed', () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const dice = new Dice(seed)
    const garbage = dice.bytes(dice.below(2 * HEARTBEAT_BYTES_MAX))
    expect({ seed, decoded: decodeHeartbeat(garbage, () => true) }).toEqual({ seed, decoded: null })
  }
})

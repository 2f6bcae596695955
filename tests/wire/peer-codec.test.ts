import { NO_GENERATIONS } from '../../lib/core/domain/volume'
import { PEER_PROTOCOL } from '../../lib/wire/peer'
import { hex } from './nbd-bytes'
import { decoded, encoded, envelope, EVERY_FRAME } from './peer-bytes'
import { pieces, SEED, seeded, streams } from './seeded'

const STREAM = Buffer.concat(EVERY_FRAME.flatMap((each) => [...encoded(each)]))

/** A header by hand: type, flags and volume; payload bytes; position; then the rest of what the type uses. */
const frame = (start: string, payloadBytes: string, position: string, rest: string, payload = ''): Buffer =>
  hex(`48464c31 ${start} deadbeef ${payloadBytes} ${position} 0000000000000005 ${rest} 00000000 ${payload}`)

const WRITE = frame(
  '04 01 0002',
  '0000000a',
  '0000000000000001',
  '0000000000000007 0000000000001000 0000000000000003 00000000',
  Buffer.from('guest data').toString('hex'),
)
const ZEROES = '0000000000000000 0000000000000000 0000000000000000 00000000'
const text = (type: string, value: unknown, position = '0000000000000000'): Buffer => {
  const payload = Buffer.from(JSON.stringify(value))
  return frame(`${type} 00 0000`, payload.length.toString(16).padStart(8, '0'), position, ZEROES, payload.toString('hex'))
}

describe(`frames between workers (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('a write, byte by byte', () => {
    const write = envelope(
      { type: 'write', seq: 7, volume: 2, offset: 4096, data: Buffer.from('guest data'), term: 3, fua: true },
      1,
    )
    expect(Buffer.concat(encoded(write)).toString('hex')).toBe(WRITE.toString('hex'))
    expect(decoded([WRITE])).toEqual([write])
  })

  test('a zero of the largest numbers, byte by byte', () => {
    const bytes = frame(
      '05 02 ffff',
      '00000000',
      '001fffffffffffff',
      '001fffffffffffff 001fffffffffffff 001fffffffffffff ffffffff',
    )
    const most = Number.MAX_SAFE_INTEGER
    const zero = {
      type: 'zero',
      seq: most,
      volume: 0xffff,
      offset: most,
      length: 0xffffffff,
      punch: true,
      term: most,
      fua: false,
    } as const
    expect(decoded([bytes])).toEqual([envelope(zero, most)])
    expect(Buffer.concat(encoded(envelope(zero, most))).toString('hex')).toBe(bytes.toString('hex'))
  })

  test('the payload is the very buffer of the frame', () => {
    const data = Buffer.alloc(1 << 20)
    expect(encoded(envelope({ type: 'data', seq: 1, volume: 0, data }, 1))[2]).toBe(data)
  })

  test('every frame comes back, in one piece, at every split, byte by byte and in random pieces', () => {
    expect(decoded([STREAM])).toEqual(EVERY_FRAME)
    const whole = JSON.stringify(EVERY_FRAME)
    for (let at = 1; at < STREAM.length; at++) {
      expect(JSON.stringify(decoded([STREAM.subarray(0, at), STREAM.subarray(at)]))).toBe(whole)
    }
    expect(decoded([...STREAM].map((byte) => Buffer.from([byte])))).toEqual(EVERY_FRAME)
    const random = seeded(SEED)
    for (let round = 0; round < 100; round++) expect(decoded(pieces(STREAM, random, 90))).toEqual(EVERY_FRAME)
  })

  test.each([
    ['no magic', Buffer.from(WRITE).fill(0, 0, 1)],
    ['a type nobody knows', frame('63 00 0000', '00000000', '0000000000000001', ZEROES)],
    ['a number above 2^53', frame('06 00 0000', '00000000', '0020000000000000', ZEROES)],
    ['a payload above 32 MiB', frame('04 00 0000', '02000001', '0000000000000001', ZEROES)],
    ['a text above 64 KiB', frame('01 00 0000', '00010001', '0000000000000000', ZEROES)],
    ['a write without a position', frame('04 00 0000', '00000000', '0000000000000000', ZEROES)],
    ['a hello with a position', frame('01 00 0000', '00000002', '0000000000000001', ZEROES, '7b7d')],
    ['a hello that is no JSON', frame('01 00 0000', '00000002', '0000000000000000', ZEROES, '7b7b')],
    ['a hello that is a list', text('01', [])],
    ['a hello without fields', text('01', { protocol: PEER_PROTOCOL })],
    ['a hello whose volume has a negative size', text('01', { ...helloFields(), volumes: [{ key: 'k', sizeBytes: -1 }] })],
    ['a hello whose term is a text', text('01', { ...helloFields(), term: '3' })],
    ['a welcome of nobody', text('02', { protocol: PEER_PROTOCOL })],
    ['a presence in a state nobody knows', replica('11', { ...presence(), state: 'fine' })],
    ['a generation that is none', replica('11', { ...presence(), generations: { ...NO_GENERATIONS, current: 'x' } })],
    ['a former generation that is none', replica('11', { ...presence(), generations: { ...NO_GENERATIONS, former: 1 } })],
    ['a mark without its bits', replica('0e', {})],
    ['a hint nobody knows', replica('0f', { kind: 'cheer up' })],
    ['a run that ends before it begins', replica('0f', { kind: 'clean', runs: [{ first: 2, last: 1 }] })],
    ['a page that is too short', frame('10 00 0001', '00000001', '0000000000000001', ZEROES, '00')],
    ['a refusal for a reason nobody knows', text('03', { code: 'MOOD', text: '', term: 1 })],
    ['null for a presence', replica('11', null)],
    ['the type that protocol 1 had for news of a replica', replica('0c', {})],
  ])('%s is garbage', (_name, bytes) => {
    expect(decoded([bytes])).toMatchObject([{ fault: 'garbage' }])
  })

  test('an earlier release tells of no former generation', () => {
    const { former, ...generations } = NO_GENERATIONS
    expect(former).toBe('')
    expect(decoded([replica('11', { ...presence(), generations })])).toMatchObject([
      { frame: { type: 'present', presence: { generations: NO_GENERATIONS } } },
    ])
  })

  test.each(['01', '02'])('another protocol is told from garbage (type %s)', (type) => {
    expect(decoded([text(type, { protocol: 1, something: 'else' })])).toMatchObject([{ fault: 'protocol' }])
  })

  test('damage ends in a fault or in other values, never in an exception', () => {
    let faults = 0
    for (const random of streams()) {
      for (let round = 0; round < 1500; round++) {
        const damaged = Buffer.from(STREAM)
        for (let turns = 1 + Math.floor(random() * 5); turns > 0; turns--) {
          damaged.writeUInt8(Math.floor(random() * 256), Math.floor(random() * damaged.length))
        }
        if (decoded(pieces(damaged, random, 200)).some((each) => 'fault' in each)) faults++
      }
    }
    expect(faults).toBeGreaterThan(500)
  })
})

function replica(type: string, value: unknown): Buffer {
  return text(type, value, '0000000000000001')
}

function presence(): Record<string, unknown> {
  return { identity: 'r', incarnation: 'i', state: 'up-to-date', generations: NO_GENERATIONS, cacheKept: true }
}

function helloFields(): Record<string, unknown> {
  return { protocol: PEER_PROTOCOL, incarnation: 'i', pool: 'p', vm: 'v', host: 'h', term: 3, linkId: 1, volumes: [] }
}

import { InvariantViolation } from '../../lib/core/domain/assert'
import type { MemoryRange } from '../../lib/core/domain/guest-memory'
import {
  EPOCH_PART_BYTES_MAX,
  EPOCH_TRAFFIC_BYTES_MAX,
  type EpochFrame,
  type EpochPart,
  isEpochFrame,
} from '../../lib/wire/peer-epochs'
import type { WireFrame } from '../../lib/wire/peer-envelope'
import { hex } from './nbd-bytes'
import { decoded, encoded, envelope, EVERY_FRAME } from './peer-bytes'
import { pieces, SEED, streams } from './seeded'

const PAGE = 4096

/** A header by hand at position 1: type and flags; payload bytes; run, epoch, term, length; then the payload. */
function frame(
  typeAndFlags: string,
  numbers: readonly number[],
  payload: Buffer = Buffer.alloc(0),
  payloadBytes = payload.length,
): Buffer {
  const [run = 0, epoch = 0, term = 0, length = 0] = numbers
  const u64 = [run, epoch, term].map((number) => number.toString(16).padStart(16, '0')).join('')
  const [size, last] = [payloadBytes, length].map((number) => number.toString(16).padStart(8, '0'))
  const head = hex(`48464c31 ${typeAndFlags} 0000 deadbeef ${size} 0000000000000001 0000000000000005 ${u64} ${last} 00000000`)
  return Buffer.concat([head, payload])
}

/** Pages by number: first and count of each run. */
function table(runs: readonly (readonly [number, number])[], dataPages: number, count = runs.length): Buffer {
  const numbers = [count, ...runs.flat()].map((number) => number.toString(16).padStart(8, '0'))
  return Buffer.concat([hex(numbers.join('')), Buffer.alloc(dataPages * PAGE, 0x70)])
}

const memory = (runs: readonly MemoryRange[], data: Buffer): EpochPart => ({
  ...{ type: 'epoch-part', run: 0xabcdef, epoch: 9, kind: 'memory', runs, data, term: 3 },
})
const LAST_PAGE = 2 ** 32 - 1
/** The second run touches the first; the last page is the last one that there can be. */
const THREE = [
  { offset: 0, length: PAGE },
  { offset: PAGE, length: 2 * PAGE },
  { offset: LAST_PAGE * PAGE, length: PAGE },
]

/** The data apart: what compares objects takes seconds for a MiB. */
function expectParts(found: ReturnType<typeof decoded>, parts: readonly EpochPart[]): void {
  const frames = found.map((each) => ('frame' in each && each.frame.type === 'epoch-part' ? each.frame : null))
  const without = (part: EpochPart | null): unknown => ({ ...part, data: null })
  expect(frames.map(without)).toEqual(parts.map(without))
  for (const [nth, { data }] of parts.entries()) expect(frames[nth]?.data.equals(data)).toBe(true)
}

const FRAME = { nic: 0x103, bytes: Buffer.from('hi') }

describe(`frames of lockstep (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('a part of memory, byte by byte, in place', () => {
    const data = Buffer.alloc(4 * PAGE, 0x70)
    const bytes = frame('29 00', [0xabcdef, 9, 3], table([[0, 1], [1, 2], [LAST_PAGE, 1]], 4)) // prettier-ignore
    const part = envelope(memory(THREE, data), 1)
    expect(Buffer.concat(encoded(part)).equals(bytes)).toBe(true)
    expect(encoded(part)[2]).toBe(data)
    expect(decoded([bytes])).toEqual([part])
  })

  test.each<[string, EpochFrame, Buffer]>([
    ['begin', { type: 'epoch-begin', run: 5, memoryBytes: 1 << 27, way: 'devices', term: 2 }, frame('28 00', [5, 1 << 27, 2])],
    [
      'begin, by migration',
      { type: 'epoch-begin', run: 5, memoryBytes: PAGE, way: 'migration', term: 2 },
      frame('28 10', [5, PAGE, 2]),
    ],
    [
      'a state of devices',
      { type: 'epoch-part', run: 5, epoch: 6, kind: 'device', data: Buffer.from('cpu'), term: 2 },
      frame('29 20', [5, 6, 2], Buffer.from('cpu')),
    ],
    ['cut', { type: 'epoch-cut', run: 5, epoch: 6, term: 2 }, frame('2a 00', [5, 6, 2])],
    ['end', { type: 'epoch-end', run: 5, epoch: 6, parts: 7, term: 2 }, frame('2b 00', [5, 6, 2, 7])],
    ['leave', { type: 'epoch-leave', run: 5, term: 2 }, frame('2c 00', [5, 0, 2])],
    ['begun', { type: 'epoch-begun', run: 5 }, frame('2d 00', [5])],
    ['ack', { type: 'epoch-ack', run: 5, epoch: 6 }, frame('2e 00', [5, 6])],
    ['left', { type: 'epoch-left', run: 5 }, frame('2f 00', [5])],
    ['press', { type: 'epoch-press', run: 5 }, frame('30 00', [5])],
    [
      'frames that the guest has sent',
      { type: 'epoch-traffic', run: 5, epoch: 6, way: 'sent', frames: [FRAME, { nic: 1, bytes: Buffer.from('b') }], term: 2 },
      frame('32 00', [5, 6, 2], Buffer.from('0103000000026869' + '00010000000162', 'hex')),
    ],
    [
      'a frame that came for it',
      { type: 'epoch-traffic', run: 5, epoch: 6, way: 'came', frames: [FRAME], term: 2 },
      frame('32 40', [5, 6, 2], Buffer.from('0103000000026869', 'hex')),
    ],
    ['failed', { type: 'epoch-failed', run: 5, error: 'ENOMEM' }, frame('31 00', [5], Buffer.from('ENOMEM'))],
  ])('%s, byte by byte', (_name, value, bytes) => {
    expect(Buffer.concat(encoded(envelope(value, 1))).toString('hex')).toBe(bytes.toString('hex'))
    expect(decoded([bytes])).toEqual([envelope(value, 1)])
    expect(isEpochFrame(value)).toBe(true)
  })

  test('no other frame is taken for one of lockstep', () => {
    const others: WireFrame[] = EVERY_FRAME.flatMap(({ frame: each }) => (isEpochFrame(each) ? [] : [each]))
    expect(new Set(others.map(({ type }) => type)).size).toBe(23)
  })

  test('the largest parts there are, and parts in pieces', () => {
    const pages = EPOCH_PART_BYTES_MAX / PAGE
    const single = Array.from({ length: pages }, (_, page) => ({ offset: 2 * page * PAGE, length: PAGE }))
    const most = memory(single, Buffer.alloc(EPOCH_PART_BYTES_MAX, 0x70))
    const small = memory(THREE, Buffer.alloc(4 * PAGE, 0x71))
    const state: EpochPart = { type: 'epoch-part', run: 5, epoch: 6, kind: 'device', data: most.data, term: 2 }
    const streamOf = (parts: readonly EpochPart[]): Buffer =>
      Buffer.concat(parts.flatMap((part) => [...encoded(envelope(part, 1))]))
    expectParts(decoded([streamOf([most, small, state])]), [most, small, state])
    const two = streamOf([small, small])
    for (let at = 1; at < 200; at++) expectParts(decoded([two.subarray(0, at), two.subarray(at)]), [small, small])
    for (const random of streams()) expectParts(decoded(pieces(two, random, 3000)), [small, small])
  })

  test.each<[string, Buffer]>([
    ['a run of the number 0', frame('2c 00', [0, 0, 2])],
    ['a run of 2^48', frame('2d 00', [2 ** 48])],
    ['a memory of nothing', frame('28 00', [5, 0, 2])],
    ['a memory of half a page', frame('28 00', [5, 2048, 2])],
    ['a memory of more pages than are counted', frame('28 00', [5, 2 ** 44 + PAGE, 2])],
    ['a part that is too large, before it has come', frame('29 00', [5, 6, 2], Buffer.alloc(0), EPOCH_PART_BYTES_MAX + 8197)],
    ['a state that is too large', frame('29 20', [5, 6, 2], Buffer.alloc(EPOCH_PART_BYTES_MAX + 1))],
    ['a memory that is too large, of few runs', frame('29 00', [5, 6, 2], table([[0, 1025]], 1025))],
    ['frames that are too many', frame('32 00', [5, 6, 2], Buffer.alloc(0), EPOCH_TRAFFIC_BYTES_MAX + 1)],
    ["half the head of a guest's frame", frame('32 00', [5, 6, 2], Buffer.from('0103000000', 'hex'))],
    ["a guest's frame of nothing", frame('32 00', [5, 6, 2], Buffer.from('010300000000', 'hex'))],
    ["a guest's frame that says more than there is", frame('32 00', [5, 6, 2], Buffer.from('0103000000036869', 'hex'))],
    ['a part without its runs', frame('29 00', [5, 6, 2], Buffer.alloc(3))],
    ['no part at all', frame('29 00', [5, 6, 2])],
    ['fewer runs than are counted', frame('29 00', [5, 6, 2], table([[0, 1]], 0, 2))],
    ['as many runs as a number can say', frame('29 00', [5, 6, 2], table([[0, 1]], 1, LAST_PAGE))],
    ['runs that say less than there is', frame('29 00', [5, 6, 2], table([[0, 1]], 2))],
    ['runs that say more than there is', frame('29 00', [5, 6, 2], table([[0, 2]], 1))],
    ['a byte too many', frame('29 00', [5, 6, 2], Buffer.concat([table([[0, 1]], 1), Buffer.alloc(1)]))],
    ['a run of no pages', frame('29 00', [5, 6, 2], table([[0, 0], [1, 1]], 1))], // prettier-ignore
    ['runs that overlap', frame('29 00', [5, 6, 2], table([[0, 2], [1, 1]], 3))], // prettier-ignore
    ['runs that go back', frame('29 00', [5, 6, 2], table([[4, 1], [1, 1]], 2))], // prettier-ignore
    ['a run beyond any memory', frame('29 00', [5, 6, 2], table([[LAST_PAGE, 2]], 2))],
  ])('%s is garbage', (_name, bytes) => {
    expect(decoded([bytes])).toMatchObject([{ fault: 'garbage' }])
  })

  test.each<[string, EpochFrame]>([
    ['runs of other pages than there are', memory([{ offset: 0, length: PAGE }], Buffer.alloc(2 * PAGE))],
    ['part of a page', memory([{ offset: 512, length: 1024 }], Buffer.alloc(1024))],
    ['runs that do not ascend', memory([...THREE].reverse(), Buffer.alloc(4 * PAGE))],
    ['more than a part may have', memory([{ offset: 0, length: 1025 * PAGE }], Buffer.alloc(1025 * PAGE))],
  ])('%s is not sent: a fault of the sender', (_name, value) => {
    expect(() => encoded(envelope(value, 1))).toThrow(InvariantViolation)
  })
})

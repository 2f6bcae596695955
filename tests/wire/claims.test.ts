import type { Claim } from '../../lib/core/domain/claim'
import { CLAIM_LIMITS, type ClaimAnswer, type ClaimRequest } from '../../lib/core/domain/claim-request'
import { type HostUuid, hostUuid, vmUuid, type VolumeKey, volumeKey } from '../../lib/core/domain/ids'
import {
  CLAIMS_LINE_BYTES_MAX,
  decodeFromHost,
  decodeFromWitness,
  encodeClaimsLine,
  type FromHost,
  type FromWitness,
} from '../../lib/wire/claims'
import { LineSplitter } from '../../lib/wire/lines'
import { Dice } from '../world/prng'

const POOL = '99999999-0000-4000-8000-000000000009'
const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000001')
const claim: Claim = { vm: VM, term: 3, holder: A, leaseMs: 1500, upToDate: { [DISK]: [A, B] }, lockstep: null }
/** 20 disks. */
const crowded = (hosts: number): Claim['upToDate'] =>
  Object.fromEntries(
    Array.from({ length: 20 }, (_, nth) => [
      volumeKey(`dddddddd-0000-4000-8000-${String(nth).padStart(12, '0')}`),
      Array.from({ length: hosts }, () => A),
    ]),
  )
const inLockstep: Claim = { ...claim, lockstep: { secondary: B, run: 77 } }
const stored = { revision: 12, claim }

const asks: ClaimRequest[] = [
  { op: 'ping' },
  { op: 'read', vm: VM },
  { op: 'cas', expected: 0, next: claim, requireLeaseOver: false },
  { op: 'cas', expected: 12, next: inLockstep, requireLeaseOver: true },
  { op: 'cas', expected: 12, next: claim, requireLeaseOver: true, with: 77 },
  { op: 'carry', next: { ...claim, decided: { generation: 4, by: 'q' } } },
  { op: 'renew', vm: VM, term: 3, holder: A },
  { op: 'remove', vm: VM, expected: 12 },
  { op: 'list', after: null },
  { op: 'list', after: VM },
]
const answers: ClaimAnswer[] = [
  { op: 'ping' },
  { op: 'read', found: null },
  { op: 'read', found: { revision: 13, claim: inLockstep } },
  { op: 'stored', revision: 13 },
  { op: 'refused', by: 'revision', current: null, leaseLeftMs: 0 },
  { op: 'refused', by: 'lease', current: stored, leaseLeftMs: 90 },
  { op: 'refused', by: 'full', current: null, leaseLeftMs: 0 },
  { op: 'carried', found: null },
  { op: 'carried', found: { revision: 3, claim: { ...claim, decided: { generation: 1, by: '' } } } },
  { op: 'renewed' },
  { op: 'not-renewed', current: stored },
  { op: 'listed', claims: [{ vm: VM, revision: 12, term: 3, holder: A, leaseLeftMs: 4 }], more: true },
  ...(
    [
      'term-stays-with-holder',
      'term-grows-by-one',
      'first-term',
      'up-to-date-never-empty',
      'taker-up-to-date',
      'loss-stays-marked',
      'generation-by-carry',
      'size',
    ] as const
  ).map((rule): ClaimAnswer => ({ op: 'invalid', rule })),
]
const fromHost: FromHost[] = [
  { type: 'hello', protocol: 1, pool: POOL, client: 'worker' },
  ...asks.map((ask, id): FromHost => ({ type: 'ask', id, ask })),
]
const fromWitness: FromWitness[] = [
  { type: 'hello', protocol: 1, witness: 'w' },
  { type: 'refuse', text: 'No.' },
  ...answers.map((answer, id): FromWitness => ({ type: 'answer', id, answer })),
]

describe('bytes on the wire', () => {
  test.each<[FromHost | FromWitness, string]>([
    [{ type: 'hello', protocol: 1, pool: POOL, client: 'w' }, `{"hello":{"protocol":1,"pool":"${POOL}","client":"w"}}\n`],
    [{ type: 'hello', protocol: 1, witness: 'x' }, '{"hello":{"protocol":1,"witness":"x"}}\n'],
    [{ type: 'refuse', text: 'No.' }, '{"refuse":{"text":"No."}}\n'],
    [{ type: 'ask', id: 7, ask: { op: 'read', vm: VM } }, `{"id":7,"ask":{"op":"read","vm":"${VM}"}}\n`],
    [{ type: 'answer', id: 7, answer: { op: 'read', found: null } }, '{"id":7,"answer":{"op":"read","found":null}}\n'],
  ])('%j', (message, line) => {
    expect(encodeClaimsLine(message)).toBe(line)
  })
  test('a claim as an older or a newer Holdfast may write it', () => {
    const text = `{"vm":"${VM}","holder":"${A}","term":3,"leaseMs":1500,"lockstep":null,"upToDate":{"${DISK}":["${A}","${B}"]},"new":1}`
    expect(decodeFromHost(`{"id":1,"new":{},"ask":{"op":"cas","expected":0,"requireLeaseOver":false,"next":${text}}}`)).toEqual({
      type: 'ask',
      id: 1,
      ask: { op: 'cas', expected: 0, requireLeaseOver: false, next: claim },
    })
  })
  test('every message comes back as it was', () => {
    for (const message of fromHost) expect(decodeFromHost(encodeClaimsLine(message))).toEqual(message)
    for (const message of fromWitness) expect(decodeFromWitness(encodeClaimsLine(message))).toEqual(message)
  })
  test('the largest claim and the longest list fit in a line', () => {
    const upToDate: Record<VolumeKey, HostUuid[]> = {}
    for (let nth = 0; nth < CLAIM_LIMITS.disks; nth += 1) {
      upToDate[volumeKey(`dddddddd-0000-4000-8000-${String(nth).padStart(12, '0')}`)] = Array.from(
        { length: CLAIM_LIMITS.hostsInAll / CLAIM_LIMITS.disks },
        () => A,
      )
    }
    const big = Number.MAX_SAFE_INTEGER
    const next: Claim = { ...inLockstep, upToDate, term: big, leaseMs: big, lockstep: { secondary: B, run: 2 ** 48 - 1 } }
    const longest = [
      encodeClaimsLine({ type: 'ask', id: big, ask: { op: 'cas', expected: big, next, requireLeaseOver: false } }),
      encodeClaimsLine({
        type: 'answer',
        id: big,
        answer: { op: 'refused', by: 'revision', current: { revision: big, claim: next }, leaseLeftMs: big },
      }),
      encodeClaimsLine({
        type: 'answer',
        id: big,
        answer: {
          op: 'listed',
          more: false,
          claims: Array.from({ length: CLAIM_LIMITS.listPage }, () => ({
            vm: VM,
            revision: big,
            term: big,
            holder: A,
            leaseLeftMs: big,
          })),
        },
      }),
    ]
    for (const line of longest) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(CLAIMS_LINE_BYTES_MAX)
  })
})

describe('cut into lines', () => {
  const lines = fromHost.map(encodeClaimsLine)
  const bytes = Buffer.from(lines.join(''))
  const expected = lines.map((line) => line.trimEnd())

  test('at every single place', () => {
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const splitter = new LineSplitter(1000)
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)].map((chunk) => splitter.push(chunk))
      expect(parts.flat()).toEqual(expected)
    }
  })
  test('byte by byte, and inside a character of several bytes', () => {
    const splitter = new LineSplitter(1000)
    const all = [...Buffer.concat([bytes, Buffer.from('Zürich→\n')])].flatMap((byte) => splitter.push(Buffer.from([byte])))
    expect(all).toEqual([...expected, 'Zürich→'])
  })
  test('a line of exactly the limit passes, one byte more does not, finished or not', () => {
    const passed = new LineSplitter(10).push(Buffer.from('0123456789\n0123456789\n'))
    expect(passed).toEqual(['0123456789', '0123456789'])
    expect(new LineSplitter(10).push(Buffer.from('0123456789x\n'))).toBe('too-long')
    const splitter = new LineSplitter(10)
    expect(splitter.push(Buffer.from('01234'))).toEqual([])
    expect(splitter.push(Buffer.from('567890'))).toBe('too-long')
  })
})

describe('what is not understood is named, never thrown', () => {
  test.each([
    ['', 'not JSON'],
    ['[]', 'message is not an object'],
    ['null', 'message is not an object'],
    ['{"id":1}', 'ask is not an object'],
    ['{"id":-1,"ask":{"op":"ping"}}', 'id is not a whole number'],
    ['{"id":1.5,"ask":{"op":"ping"}}', 'id is not a whole number'],
    ['{"id":1e300,"ask":{"op":"ping"}}', 'id is not a whole number'],
    ['{"id":1,"ask":{"op":"drop"}}', 'ask.op is none of ping, read, cas, carry, renew, remove, list'],
    ['{"id":1,"ask":{"op":"read","vm":"x"}}', 'ask.vm is not a uuid'],
    ['{"id":1,"ask":{"op":"list"}}', 'ask.after is not a text of 200 or less'],
    ['{"hello":{"protocol":1,"pool":"x","client":"c"}}', 'pool is not a uuid'],
    [`{"hello":{"protocol":1,"pool":"${POOL}","client":"${'c'.repeat(201)}"}}`, 'hello.client is not a text of 200 or less'],
    [`{"id":1,"ask":{"op":"cas","expected":0,"requireLeaseOver":1}}`, 'ask.requireLeaseOver is not true or false'],
    [`{"id":1,"ask":{"op":"cas","expected":0,"requireLeaseOver":true,"with":0}}`, 'ask.with is no number of a run'],
    [`{"id":1,"ask":{"op":"cas","expected":0,"requireLeaseOver":true,"with":"7"}}`, 'ask.with is not a whole number'],
  ])('%s', (line, text) => {
    expect(decodeFromHost(line)).toEqual({ type: 'garbled', text })
  })

  test('a claim with as many hosts as it may have', () => {
    const next = { ...claim, upToDate: crowded(CLAIM_LIMITS.hostsInAll / 20) }
    const ask: FromHost = { type: 'ask', id: 1, ask: { op: 'cas', expected: 0, next, requireLeaseOver: false } }
    expect(decodeFromHost(encodeClaimsLine(ask))).toEqual(ask)
  })

  test('a claim with a broken part', () => {
    const broken: object[] = [
      { upToDate: { __proto__x: [A] } },
      { upToDate: { [DISK]: ['x'] } },
      { upToDate: { [DISK]: Array.from({ length: CLAIM_LIMITS.hostsPerDisk + 1 }, () => A) } },
      { upToDate: { ...crowded(CLAIM_LIMITS.hostsInAll / 20 + 1) } },
      { upToDate: [] },
      { lockstep: {} },
      { lockstep: { secondary: B, epoch: 77 } },
      { lockstep: { secondary: B, run: 0 } },
      { lockstep: { secondary: B, run: 2 ** 48 } },
      { lockstep: { secondary: 'b', run: 77 } },
      { decided: null },
      { decided: { generation: -1, by: 'q' } },
      { decided: { generation: 1, by: 'q'.repeat(201) } },
      { lockstep: undefined },
      { term: '3' },
    ]
    for (const part of broken) {
      const next = { ...claim, ...part }
      const line = JSON.stringify({ id: 1, ask: { op: 'cas', expected: 0, next, requireLeaseOver: false } })
      expect({ part, type: decodeFromHost(line).type }).toEqual({ part, type: 'garbled' })
    }
  })

  test('seeds 1 to 20: lines with bytes changed, dropped and doubled', () => {
    let garbled = 0
    for (let seed = 1; seed <= 20; seed += 1) {
      const dice = new Dice(seed)
      for (const line of [...fromHost, ...fromWitness].map(encodeClaimsLine)) {
        const bytes = Buffer.from(line)
        const at = dice.below(bytes.length)
        const changed = dice.of([
          Buffer.concat([bytes.subarray(0, at), dice.bytes(1), bytes.subarray(at + 1)]),
          Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
          Buffer.concat([bytes.subarray(0, at), bytes.subarray(0, at)]),
          dice.bytes(dice.below(200)),
        ])
        for (const decode of [decodeFromHost, decodeFromWitness])
          if (decode(changed.toString('utf8')).type === 'garbled') garbled += 1
      }
    }
    expect(garbled).toBeGreaterThan(300)
  })
})

import { extentsReply, NbdReplies } from '../../lib/wire/nbd/replies'
import { ALLOCATION, events, GO, GO_STRUCTURED, hex, OFFER, OPTION, REQUEST, sent, STRUCTURED } from './nbd-bytes'

const REPLY = '0003e889045565a9'
const COOKIE = '0102030405060708'
const TO = { cookieHigh: 0x01020304, cookieLow: 0x05060708 }
const BASE_ALLOCATION = '626173653a616c6c6f636174696f6e'
const text = (...parts: string[]): string => hex(...parts).toString('hex')
const start = (...options: Buffer[]): Buffer => Buffer.concat([hex('00000003'), ...options])
const option = (...parts: string[]): Buffer => hex(OPTION, ...parts)
const after = (begun: Buffer, bytes: Buffer): string => sent(Buffer.concat([begun, bytes])).slice(sent(begun).length)

describe('structured replies are negotiated', () => {
  test('acknowledged, and then the disk can keep reads in one piece', () => {
    expect(sent(start(STRUCTURED))).toBe(text(REPLY, '00000008 00000001 00000000'))
    expect(sent(start(STRUCTURED, GO.subarray(4)))).toContain('0000000000010000' + '01ed')
    expect(sent(start(STRUCTURED, option('00000001 00000000')))).toContain('0000000000010000' + '01ed')
  })

  test('with anything in it the option is invalid', () => {
    expect(sent(start(option('00000008 00000001 00')))).toBe(text(REPLY, '00000008 80000003 00000000'))
  })

  test('where they are not offered, neither are contexts', () => {
    const policy = { tls: 'off', structured: false } as const
    expect(sent(start(STRUCTURED), [OFFER], policy)).toBe(text(REPLY, '00000008 80000001 00000000'))
    expect(sent(start(ALLOCATION), [OFFER], policy)).toBe(text(REPLY, '0000000a 80000001 00000000'))
  })
})

describe('contexts', () => {
  const chosen = text(REPLY, '0000000a 00000004 00000013 00000001', BASE_ALLOCATION, REPLY, '0000000a 00000001 00000000')
  const listed = text(REPLY, '00000009 00000004 00000013 00000000', BASE_ALLOCATION, REPLY, '00000009 00000001 00000000')
  const set = (...queries: string[]): Buffer => contexts('0000000a', queries)
  const list = (...queries: string[]): Buffer => contexts('00000009', queries)
  const u32 = (value: number): string => value.toString(16).padStart(8, '0')
  const contexts = (code: string, queries: readonly string[]): Buffer => {
    const body = queries.map((query) => u32(query.length) + Buffer.from(query, 'latin1').toString('hex')).join('')
    return option(code, u32(14 + body.length / 2), '00000006 6469736b2d30', u32(queries.length), body)
  }

  test('base:allocation is the one there is', () => {
    expect(after(start(STRUCTURED), set('base:allocation'))).toBe(chosen)
    expect(after(start(STRUCTURED), set('qemu:dirty-bitmap:x', 'base:allocation', 'base:allocation'))).toBe(chosen)
    expect(after(start(STRUCTURED), set('qemu:allocation-depth', 'base:'))).toBe(text(REPLY, '0000000a 00000001 00000000'))
    expect(after(start(STRUCTURED), list())).toBe(listed)
    expect(after(start(STRUCTURED), list('base:'))).toBe(listed)
    expect(after(start(STRUCTURED), list('base:allocation'))).toBe(listed)
    expect(after(start(STRUCTURED), list('qemu:'))).toBe(text(REPLY, '00000009 00000001 00000000'))
  })

  test('only with structured replies, and for a disk that there is', () => {
    expect(sent(start(ALLOCATION))).toBe(text(REPLY, '0000000a 80000003 00000000'))
    expect(sent(start(list()))).toBe(text(REPLY, '00000009 80000003 00000000'))
    const two = [
      { ...OFFER, name: 'a' },
      { ...OFFER, name: 'b' },
    ]
    expect(sent(start(STRUCTURED, ALLOCATION), two)).toContain(text(REPLY, '0000000a 80000006 00000000'))
  })

  test.each([
    ['nothing', '0000000a 00000000'],
    ['no count', '0000000a 00000004 00000000'],
    ['a name longer than it', '0000000a 00000008 00000001 00000000'],
    ['a name longer than anything', '0000000a 00000008 ffffffff 00000000'],
    ['fewer queries than announced', '0000000a 00000008 00000000 00000001'],
    ['billions of queries announced', '0000000a 00000008 00000000 ffffffff'],
    ['a query cut off', '0000000a 0000000d 00000000 00000001 00000002 61'],
    ['more behind the last query', '0000000a 0000000d 00000000 00000001 00000000 61'],
    ['a query past what the protocol allows', `0000000a 0000100d 00000000 00000001 00001001 ${'61'.repeat(0x1001)}`],
  ])('%s is invalid, and the talk goes on', (_name, malformed) => {
    expect(after(start(STRUCTURED), option(malformed))).toBe(text(REPLY, '0000000a 80000003 00000000'))
    expect(events([start(STRUCTURED, option(malformed), GO.subarray(4))]).at(-1)).toMatchObject({ kind: 'open' })
  })

  const status = hex(REQUEST, '0000 0007', COOKIE, '0000000000000000 00001000')
  const heard = (...options: Buffer[]): unknown => events([start(STRUCTURED, ...options, GO.subarray(4), status)]).at(-1)

  test('block status needs the context that was chosen last', () => {
    expect(heard(set('base:allocation'))).toMatchObject({ kind: 'request', request: { kind: 'status' } })
    expect(heard()).toMatchObject({ kind: 'send' })
    expect(heard(set('base:allocation'), set())).toMatchObject({ kind: 'send' })
    expect(heard(set('base:allocation'), option('0000000a 00000000'))).toMatchObject({ kind: 'send' })
    expect(heard(set('base:allocation'), list())).toMatchObject({ kind: 'request' })
  })

  test('block status needs the context of the disk that was opened', () => {
    const two = [OFFER, { ...OFFER, name: 'b' }]
    const goB = option('00000007 00000007 00000001 62 0000')
    expect(events([start(STRUCTURED, ALLOCATION, goB, status)], two).at(-1)).toMatchObject({ kind: 'send' })
    expect(events([start(STRUCTURED, ALLOCATION, GO.subarray(4), status)], two).at(-1)).toMatchObject({ kind: 'request' })
  })
})

describe('requests of a client with structured replies', () => {
  const request = (...parts: string[]): Buffer => hex(REQUEST, ...parts)
  const asked = (bytes: Buffer): unknown => events([GO_STRUCTURED, bytes]).at(-1)
  const chunk = (type: string, payload: string): string =>
    text('668e33ef 0001', type, COOKIE, hex(payload).length.toString(16).padStart(8, '0'), payload)
  const failure = (errno: string, message: string): string =>
    chunk('8001', errno + message.length.toString(16).padStart(4, '0') + Buffer.from(message).toString('hex'))
  const invalid = failure('00000016', 'not a request that this disk can carry out')

  test('block status', () => {
    expect(asked(request('0000 0007', COOKIE, '0000000000000200 0000fe00'))).toMatchObject({
      request: { kind: 'status', offset: 512, length: 0xfe00, one: false },
    })
    expect(asked(request('0008 0007', COOKIE, '0000000000000000 00000001'))).toMatchObject({
      request: { kind: 'status', length: 1, one: true },
    })
  })

  test('a read that must come in one piece, as they all do', () => {
    expect(asked(request('0004 0000', COOKIE, '0000000000000000 00000200'))).toMatchObject({ request: { kind: 'read' } })
  })

  test.each([
    ['block status past the end', '0000 0007', '0000000000000001 00010000'],
    ['block status of nothing', '0000 0007', '0000000000000000 00000000'],
    ['block status with a flag of others', '0002 0007', '0000000000000000 00000001'],
    ['one extent of a read', '0008 0000', '0000000000000000 00000001'],
    ['a write in one piece', '0004 0004', '0000000000000000 00000001'],
    ['FAST_ZERO, never offered', '0010 0006', '0000000000000000 00000001'],
    ['PAYLOAD_LEN, never offered', '0020 0001', '0000000000000000 00000000'],
    ['read past the end', '0000 0000', '000000000000ff00 00000101'],
    ['a command nobody knows', '0000 0010', '0000000000000000 00000001'],
  ])('%s is refused in a chunk that says why', (_name, command, range) => {
    expect(after(GO_STRUCTURED, request(command, COOKIE, range))).toBe(invalid)
  })

  test('nothing read is a chunk without data; nothing written a simple reply', () => {
    expect(after(GO_STRUCTURED, request('0000 0000', COOKIE, '0000000000000000 00000000'))).toBe(chunk('0000', ''))
    expect(after(GO_STRUCTURED, request('0000 0001', COOKIE, '0000000000000000 00000000'))).toBe(
      text('67446698 00000000', COOKIE),
    )
  })

  const into = Buffer.alloc(256, 0xee)
  const replies = new NbdReplies(true)
  const put = (bytes: number): string => into.toString('hex', 5, 5 + bytes)

  test('the header before data', () => {
    expect(put(replies.putReadHeader(into, 5, TO, 0x0123456789ab, 0x1000))).toBe(
      text('668e33ef 0001 0001', COOKIE, '00001008 00000123456789ab'),
    )
  })

  test('success without data is a simple reply', () => {
    expect(put(replies.putResult(into, 5, TO, false, 0))).toBe(text('67446698 00000000', COOKIE))
  })

  test('an error that the protocol lacks is told as EIO', () => {
    const failed = failure('00000005', 'the disk failed')
    expect(put(replies.putResult(into, 5, TO, true, 61))).toBe(failed)
    expect(put(replies.putResult(into, 5, TO, false, 5))).toBe(failed)
  })

  const A = { hole: false, zero: false }
  const Z = { hole: true, zero: true }
  const extents = (
    length: number,
    known: readonly { lengthBytes: number; hole: boolean; zero: boolean }[],
    one = false,
  ): string => extentsReply(TO, length, known, one).toString('hex')
  const told = (...pairs: string[]): string => chunk('0005', `00000001 ${pairs.join('')}`)

  test('extents: what nobody knows counts as allocated', () => {
    expect(extents(0x2000, [])).toBe(told('00002000 00000000'))
    expect(extents(0x2000, [{ lengthBytes: 0, ...Z }])).toBe(told('00002000 00000000'))
  })

  test('extents: joined where alike, cut at the end of what was asked', () => {
    const known = [
      { lengthBytes: 0x1000, ...A },
      { lengthBytes: 0x1000, ...A },
      { lengthBytes: 0x1000, ...Z },
      { lengthBytes: 0x1000, hole: false, zero: true },
      { lengthBytes: 0x9000, hole: true, zero: false },
    ]
    expect(extents(0x6000, known)).toBe(told('00002000 00000000', '00001000 00000003', '00001000 00000002', '00002000 00000001'))
    expect(extents(0x6000, known, true)).toBe(told('00002000 00000000'))
    expect(extents(0x1800, known)).toBe(told('00001800 00000000'))
  })

  test('extents: however many there are, one reply is bounded', () => {
    const many = Array.from({ length: 100_000 }, (_, index) => ({ lengthBytes: 512, ...(index % 2 === 0 ? A : Z) }))
    expect(extentsReply(TO, 512 * 100_000, many, false).length).toBe(20 + 4 + 8 * 4096)
  })
})

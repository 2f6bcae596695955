import { NbdReplies } from '../../lib/wire/nbd/replies'
import { events, GO, hex, OFFER, OPTION, REQUEST, sent } from './nbd-bytes'

const COOKIE = '0102030405060708'
const TO = { cookieHigh: 0x01020304, cookieLow: 0x05060708 }
const request = (...parts: string[]): Buffer => hex(REQUEST, ...parts)
const FLUSH = request('0000 0003', COOKIE, '0000000000000000 00000000')
const asked = (...requests: Buffer[]): ReturnType<typeof events> => events([GO, ...requests]).slice(1)
const errorOf = (bytes: Buffer): string => sent(Buffer.concat([GO, bytes])).slice(sent(GO).length)
const answer = (error: string): string => hex('67446698', error, COOKIE).toString('hex')

describe('NBD requests, byte by byte', () => {
  test.each([
    ['read', '0000 0000', '0000000000001000 00000200', { kind: 'read', offset: 4096, length: 512, fua: false }],
    ['read of everything', '0000 0000', '0000000000000000 00010000', { kind: 'read', offset: 0, length: 65536 }],
    ['flush', '0000 0003', '0000000000000000 00000000', { kind: 'flush', offset: 0, length: 0, fua: false }],
    ['flush of somewhere', '0000 0003', 'ffffffffffffffff ffffffff', { kind: 'flush', offset: 0, length: 0 }],
    ['trim', '0001 0004', '0000000000000200 00000400', { kind: 'trim', offset: 512, length: 1024, fua: true }],
    ['zeroes', '0000 0006', '0000000000000000 00010000', { kind: 'zero', offset: 0, length: 65536, punch: true, fua: false }],
    ['zeroes, no hole', '0003 0006', '0000000000000000 00000001', { kind: 'zero', length: 1, punch: false, fua: true }],
  ])('%s', (_name, command, range, expected) => {
    expect(asked(request(command, COOKIE, range))).toMatchObject([
      { kind: 'request', request: { ...TO, ...expected }, clientCannotFlush: false },
    ])
  })

  test('write', () => {
    const write = request('0001 0001', COOKIE, '000000000000fffd 00000003', 'aabbcc')
    expect(asked(write)).toMatchObject([
      { request: { ...TO, kind: 'write', offset: 65533, length: 3, data: hex('aabbcc'), fua: true }, clientCannotFlush: false },
    ])
  })

  test('a write that comes in pieces is announced once', () => {
    const write = request('0001 0001', COOKIE, '0000000000000000 00000003', 'aabbcc')
    const pieces = [write.subarray(0, 20), write.subarray(20, 28), write.subarray(28, 29), write.subarray(29)]
    expect(asked(...pieces, ...pieces)).toMatchObject([
      { kind: 'payload', bytes: 3 },
      { kind: 'request' },
      { kind: 'payload', bytes: 3 },
      { kind: 'request' },
    ])
  })

  test('the name of a request comes back bit by bit', () => {
    for (const cookie of ['ffffffffffffffff', '8000000080000000', '7fffffff00000000']) {
      const bytes = request('0000 0000', cookie, '0000000000000000 00000000')
      expect(errorOf(bytes)).toBe(hex('67446698 00000000', cookie).toString('hex'))
    }
  })

  test('goodbye', () => {
    const goodbye = request('0000 0002', COOKIE, '0000000000000000 00000000')
    expect(asked(goodbye, goodbye)).toMatchObject([{ kind: 'close', orderly: true }])
  })

  test.each([
    ['read past the end', '0000 0000', '000000000000ff00 00000101', '00000016'],
    ['read from far away', '0000 0000', 'ffffffffffffffff 00000001', '00000016'],
    ['read from where a number is no longer exact', '0000 0000', '0020000000000001 00000001', '00000016'],
    ['read whose end would wrap around', '0000 0000', 'fffffffffffffe00 00000200', '00000016'],
    ['read of more than 32 MiB', '0000 0000', '0000000000000000 02000001', '00000016'],
    ['read of everything and more', '0000 0000', '0000000000000000 ffffffff', '00000016'],
    ['trim past the end', '0000 0004', '0000000000010000 00000001', '00000016'],
    ['zeroes past the end', '0000 0006', '0000000000000001 00010000', '0000001c'],
    ['FAST_ZERO, never offered', '0010 0006', '0000000000000000 00000001', '00000016'],
    ['DF without structured replies', '0004 0000', '0000000000000000 00000001', '00000016'],
    ['NO_HOLE on a trim', '0002 0004', '0000000000000000 00000001', '00000016'],
    ['BLOCK_STATUS without a context', '0000 0007', '0000000000000000 00000001', '00000016'],
    ['CACHE, never offered', '0000 0005', '0000000000000000 00000001', '00000016'],
    ['RESIZE, never offered', '0000 0008', '0000000000000000 00000001', '00000016'],
    ['all flags', 'ffff 0003', '0000000000000000 00000000', '00000016'],
    ['the highest command', '0000 ffff', '0000000000000000 00000000', '00000016'],
    ['nothing to read', '0000 0000', '0000000000000000 00000000', '00000000'],
    ['nothing to trim', '0000 0004', '0000000000010000 00000000', '00000000'],
    ['nothing to zero', '0000 0006', '0000000000000000 00000000', '00000000'],
    ['nothing, past the end', '0000 0000', '0000000000010001 00000000', '00000016'],
  ])('%s is answered without asking anybody, and the next request is heard', (_name, command, range, error) => {
    const bytes = request(command, COOKIE, range)
    expect(errorOf(bytes)).toBe(answer(error))
    expect(asked(bytes, FLUSH).map(({ kind }) => kind)).toEqual(['send', 'request'])
  })

  test.each([
    ['past the end', '0000 0001', '000000000000ffff 00000002', 2, '0000001c'],
    ['of nothing', '0000 0001', '0000000000000000 00000000', 0, '00000000'],
    ['of more than 32 MiB', '0000 0001', '0000000000000000 02000001', 0x2000001, '00000016'],
    ['with a flag of others', '0002 0001', '0000000000000000 00000200', 512, '00000016'],
  ])('a write %s: its payload is passed over', (_name, command, range, length, error) => {
    const bytes = Buffer.concat([request(command, COOKIE, range), Buffer.alloc(length, 0x25)])
    expect(errorOf(bytes)).toBe(answer(error))
    expect(asked(bytes, FLUSH).at(-1)).toMatchObject({ kind: 'request' })
  })

  test('the largest write is taken', () => {
    const large = [{ ...OFFER, sizeBytes: 2 ** 40 }]
    const header = request('0000 0001', COOKIE, '0000000000000001 02000000')
    expect(events([GO, header, Buffer.alloc(0x2000000, 7)], large).slice(1)).toMatchObject([
      { kind: 'payload', bytes: 0x2000000 },
      { kind: 'request', request: { kind: 'write', length: 0x2000000 } },
    ])
  })

  test('offsets of a disk as large as there can be', () => {
    const largest = [{ ...OFFER, sizeBytes: Number.MAX_SAFE_INTEGER }]
    const last = request('0000 0000', COOKIE, '001ffffffffffffe 00000001')
    expect(events([GO, last], largest).at(-1)).toMatchObject({ request: { offset: Number.MAX_SAFE_INTEGER - 1 } })
    const past = request('0000 0000', COOKIE, '001ffffffffffffe 00000002')
    expect(events([GO, past], largest).at(-1)).toMatchObject({ kind: 'send' })
  })

  test('a read-only disk refuses changes with EPERM', () => {
    const readOnly = [{ ...OFFER, readOnly: true }]
    const refused = (bytes: Buffer): void =>
      expect(sent(Buffer.concat([GO, bytes]), readOnly)).toBe(sent(GO, readOnly) + answer('00000001'))
    refused(request('0000 0001', COOKIE, '0000000000000000 00000001', 'ff'))
    refused(request('0000 0004', COOKIE, '0000000000000000 00000001'))
    refused(request('0000 0006', COOKIE, '0000000000000000 00000001'))
    expect(events([GO, FLUSH], readOnly).at(-1)).toMatchObject({ kind: 'request' })
  })

  test('a refused write is answered when its payload is over', () => {
    const past = request('0000 0001', COOKIE, '000000000000ffff 00000004', 'aabbccdd')
    for (let cut = 28; cut < past.length; cut++) expect(asked(past.subarray(0, cut))).toEqual([])
    expect(asked(past.subarray(0, 30), past.subarray(30))).toMatchObject([{ kind: 'send' }])
    expect(errorOf(past)).toBe(answer('0000001c'))
    expect(asked(past, FLUSH)).toMatchObject([{ kind: 'send' }, { kind: 'request', request: { kind: 'flush' } }])
  })

  test('a client of the oldest dialect cannot flush, until it shows that it can', () => {
    const start = hex('00000003', OPTION, '00000001 00000000')
    const write = request('0000 0001', COOKIE, '0000000000000000 00000001', 'ff')
    const cannot = (...bytes: Buffer[]): boolean[] =>
      events([start, ...bytes])
        .slice(1)
        .map((event) => event.kind === 'request' && event.clientCannotFlush)
    expect(cannot(write, FLUSH, write)).toEqual([true, false, false])
    const withFua = request('0001 0001', COOKIE, '0000000000000000 00000001', 'ff')
    expect(cannot(write, withFua, write)).toEqual([true, false, false])
  })

  test('a request without its magic ends the connection', () => {
    expect(asked(hex('25609514', '00'.repeat(24)), GO)).toMatchObject([{ kind: 'close', orderly: false }])
  })

  test('reply headers; errors the protocol lacks become EIO', () => {
    const into = Buffer.alloc(64)
    const reply = (errno: number): string => into.toString('hex', 0, new NbdReplies(false).putResult(into, 0, TO, false, errno))
    expect(reply(0)).toBe(answer('00000000'))
    expect(reply(28)).toBe(answer('0000001c'))
    expect(reply(61)).toBe(answer('00000005'))
    expect(reply(-5)).toBe(answer('00000005'))
    expect(into.toString('hex', 0, new NbdReplies(false).putReadHeader(into, 0, TO, 512, 512))).toBe(answer('00000000'))
  })
})

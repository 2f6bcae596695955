import { replyHeader } from '../../lib/wire/nbd/requests'
import { events, GO, hex, OFFER, OPTION, REQUEST, sent } from './nbd-bytes'

const COOKIE = '0102030405060708'
const cookie = 0x0102030405060708n
const request = (...parts: string[]): Buffer => hex(REQUEST, ...parts)
const asked = (...requests: Buffer[]): ReturnType<typeof events> => events([GO, ...requests]).slice(1)
const errorOf = (bytes: Buffer): string => sent(Buffer.concat([GO, bytes])).slice(sent(GO).length)
const answer = (error: string): string => hex('67446698', error, COOKIE).toString('hex')

describe('NBD requests, byte by byte', () => {
  test.each([
    ['read', '0000 0000', '0000000000001000 00000200', { kind: 'read', offset: 4096, length: 512, fua: false }],
    ['flush', '0000 0003', '0000000000000000 00000000', { kind: 'flush', fua: false }],
    ['trim', '0001 0004', '0000000000000200 00000400', { kind: 'trim', offset: 512, length: 1024, fua: true }],
    ['zeroes', '0000 0006', '0000000000000000 00010000', { kind: 'zero', offset: 0, length: 65536, punch: true, fua: false }],
    [
      'zeroes, no hole',
      '0003 0006',
      '0000000000000000 00000001',
      { kind: 'zero', offset: 0, length: 1, punch: false, fua: true },
    ],
  ])('%s', (_name, command, range, expected) => {
    expect(asked(request(command, COOKIE, range))).toEqual([
      { kind: 'request', request: { cookie, ...expected }, clientCannotFlush: false },
    ])
  })

  test('write', () => {
    expect(asked(request('0001 0001', COOKIE, '000000000000fffd 00000003', 'aabbcc'))).toEqual([
      {
        kind: 'request',
        request: { cookie, kind: 'write', offset: 65533, length: 3, data: hex('aabbcc'), fua: true },
        clientCannotFlush: false,
      },
    ])
  })

  test('goodbye', () => {
    const goodbye = request('0000 0002', COOKIE, '0000000000000000 00000000')
    expect(asked(goodbye, goodbye)).toMatchObject([{ kind: 'close', orderly: true }])
  })

  test.each([
    ['read past the end', '0000 0000', '000000000000ff00 00000101', '00000016'],
    ['read from far away', '0000 0000', 'ffffffffffffffff 00000001', '00000016'],
    ['read of more than 32 MiB', '0000 0000', '0000000000000000 02000001', '00000016'],
    ['trim past the end', '0000 0004', '0000000000010000 00000001', '00000016'],
    ['zeroes past the end', '0000 0006', '0000000000000001 00010000', '0000001c'],
    ['FAST_ZERO, never offered', '0010 0006', '0000000000000000 00000001', '00000016'],
    ['a structured-reply flag', '0004 0000', '0000000000000000 00000001', '00000016'],
    ['NO_HOLE on a trim', '0002 0004', '0000000000000000 00000001', '00000016'],
    ['BLOCK_STATUS, never offered', '0000 0007', '0000000000000000 00000001', '00000016'],
    ['CACHE, never offered', '0000 0005', '0000000000000000 00000001', '00000016'],
    ['nothing to read', '0000 0000', '0000000000000000 00000000', '00000000'],
    ['nothing to trim', '0000 0004', '0000000000010000 00000000', '00000000'],
  ])('%s is answered without asking anybody, and the next request is heard', (_name, command, range, error) => {
    const bytes = request(command, COOKIE, range)
    expect(errorOf(bytes)).toBe(answer(error))
    expect(asked(bytes, request('0000 0003', COOKIE, '0000000000000000 00000000')).map(({ kind }) => kind)).toEqual([
      'send',
      'request',
    ])
  })

  test.each([
    ['past the end', '000000000000ffff 00000002', 2, '0000001c'],
    ['of nothing', '0000000000000000 00000000', 0, '00000000'],
    ['of more than 32 MiB', '0000000000000000 02000001', 0x2000001, '00000016'],
  ])('a write %s: its payload is passed over', (_name, range, length, error) => {
    const bytes = Buffer.concat([request('0000 0001', COOKIE, range), Buffer.alloc(length, 0x25)])
    expect(errorOf(bytes)).toBe(answer(error))
    expect(asked(bytes, request('0000 0003', COOKIE, '0000000000000000 00000000')).at(-1)).toMatchObject({ kind: 'request' })
  })

  test('a read-only disk refuses changes with EPERM', () => {
    const write = Buffer.concat([GO, request('0000 0001', COOKIE, '0000000000000000 00000001', 'ff')])
    const readOnly = [{ ...OFFER, readOnly: true }]
    expect(sent(write, readOnly)).toBe(sent(GO, readOnly) + answer('00000001'))
    const trim = Buffer.concat([GO, request('0000 0004', COOKIE, '0000000000000000 00000001')])
    expect(sent(trim, readOnly)).toBe(sent(GO, readOnly) + answer('00000001'))
  })

  test('a client of the oldest dialect cannot flush, until it shows that it can', () => {
    const start = hex('00000003', OPTION, '00000001 00000000')
    const write = request('0000 0001', COOKIE, '0000000000000000 00000001', 'ff')
    const flush = request('0000 0003', COOKIE, '0000000000000000 00000000')
    const cannot = events([start, write, flush, write]).map((event) => event.kind === 'request' && event.clientCannotFlush)
    expect(cannot).toEqual([false, true, false, false])
  })

  test('a request without its magic ends the connection', () => {
    expect(asked(hex('25609514', '00'.repeat(24)), GO)).toMatchObject([{ kind: 'close', orderly: false }])
  })

  test('reply headers; errors the protocol lacks become EIO', () => {
    expect(replyHeader(cookie, 0).toString('hex')).toBe(answer('00000000'))
    expect(replyHeader(cookie, 28).toString('hex')).toBe(answer('0000001c'))
    expect(replyHeader(cookie, 61).toString('hex')).toBe(answer('00000005'))
    expect(replyHeader(cookie, -5).toString('hex')).toBe(answer('00000005'))
  })
})

import { requestHeader } from '../../lib/wire/nbd/client-requests'
import { COMMAND, COMMAND_FLAG } from '../../lib/wire/nbd/numbers'
import { hex } from './nbd-bytes'
import { replies } from './nbd-client-bytes'

const reply = (error: string, cookie: string, data = ''): Buffer => hex('67446698', error, cookie, data)
const ONE = '0000000000000001'
const TWO = '0000000000000002'

describe('requests of an NBD client', () => {
  test('are what the protocol draws', () => {
    expect(requestHeader(COMMAND.write, COMMAND_FLAG.fua, 7, 4096, 512)).toEqual(
      hex('25609513 0001 0001', '0000000000000007', '0000000000001000 00000200'),
    )
    expect(requestHeader(COMMAND.writeZeroes, COMMAND_FLAG.noHole, 2 ** 40 + 1, 2 ** 43 + 3, 2 ** 32 - 1)).toEqual(
      hex('25609513 0002 0006', '0000010000000001', '0000080000000003 ffffffff'),
    )
  })
})

describe('replies to an NBD client', () => {
  test('in any order, with their data', () => {
    const bytes = Buffer.concat([reply('00000000', TWO, '62797465'), reply('00000000', ONE)])
    expect(replies([bytes], { 1: 0, 2: 4 })).toEqual([
      { kind: 'data', cookie: 2, bytes: Buffer.from('byte') },
      { kind: 'done', cookie: 2, errno: 0 },
      { kind: 'done', cookie: 1, errno: 0 },
    ])
  })

  test('a cookie uses more than 32 bits', () => {
    expect(replies([reply('00000000', '0000000200000003')], { [2 ** 33 + 3]: 0 })).toMatchObject([{ cookie: 2 ** 33 + 3 }])
  })

  test('a failed read has no data', () => {
    expect(replies([reply('00000005', ONE), reply('0000001c', TWO)], { 1: 4, 2: 0 })).toEqual([
      { kind: 'done', cookie: 1, errno: 5 },
      { kind: 'done', cookie: 2, errno: 28 },
    ])
  })

  test("tapdisk's failed read has, and counts its error from below", () => {
    const bytes = Buffer.concat([reply('fffffffb', ONE, '67446698'), reply('ffffffe4', TWO)])
    expect(replies([bytes], { 1: 4, 2: 0 }, true)).toEqual([
      { kind: 'done', cookie: 1, errno: 5 },
      { kind: 'done', cookie: 2, errno: 28 },
    ])
  })

  test("without that dialect a failed read of tapdisk's kind ends the connection: its stale bytes could look like a confirmation", () => {
    const bytes = Buffer.concat([reply('fffffffb', ONE), reply('00000000', TWO)])
    expect(replies([bytes], { 1: 16, 2: 0 })).toMatchObject([{ kind: 'done', cookie: 1, errno: 5 }, { kind: 'garbage' }])
    expect(replies([reply('fffffffb', TWO), reply('00000000', ONE)], { 1: 0, 2: 0 })).toEqual([
      { kind: 'done', cookie: 2, errno: 5 },
      { kind: 'done', cookie: 1, errno: 0 },
    ])
  })

  test.each([
    ['without its magic number', hex('67446699', '00000000', ONE), /magic/],
    ['structured, though never agreed', hex('668e33ef', '00000000', ONE), /magic/],
    ['to nothing that was asked', reply('00000000', '0000000000000009'), /nothing that was asked/],
    ['to a cookie past counting', reply('00000000', 'ffffffffffffffff'), /nothing that was asked/],
  ])('%s is garbage', (_name, bytes, reason) => {
    expect(replies([bytes], { 1: 0 })).toEqual([{ kind: 'garbage', reason: expect.stringMatching(reason) as string }])
  })

  test('a second reply to the same request is garbage', () => {
    expect(replies([reply('00000000', ONE), reply('00000000', ONE)], { 1: 0 })).toMatchObject([
      { kind: 'done' },
      { kind: 'garbage' },
    ])
  })

  test('data is handed out as it comes, not kept', () => {
    const steps = replies([reply('00000000', ONE, '01020304')], { 1: 1_000_000_000 })
    expect(steps).toEqual([{ kind: 'data', cookie: 1, bytes: hex('01020304') }])
  })
})

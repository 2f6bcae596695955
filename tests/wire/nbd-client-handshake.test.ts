import { hex } from './nbd-bytes'
import { BLOCKS, EXPORT, GO_ACK, GO_REPLY, GREETING, heard, NEWSTYLE, TLS_ACK, TLS_REPLY } from './nbd-client-bytes'

const ASK = '49484156454f5054'
const GO = `${ASK} 00000007 0000000c 00000004 6469736b 0001 0003`
const BY_NAME = `${ASK} 00000001 00000004 6469736b`
const STARTTLS = `${ASK} 00000005 00000000`
const FACTS = {
  ...{ sizeBytes: 65536, readOnly: false, canFlush: true, canFua: true, canWriteZeroes: true },
  ...{ blockBytes: 512, payloadBytesMax: 32 * 1024 * 1024 },
}
const sent = (...parts: string[]): unknown => ({ kind: 'send', bytes: hex(...parts) })
const refusal = (bytes: Buffer): unknown => heard([Buffer.concat([NEWSTYLE, bytes])]).at(-1)

describe('an NBD client negotiates', () => {
  test('by GO, and takes the limits that it is told', () => {
    expect(heard([NEWSTYLE, EXPORT, BLOCKS, GO_ACK])).toEqual([
      sent('00000003', GO),
      { kind: 'open', facts: { ...FACTS, blockBytes: 4096, payloadBytesMax: 2 * 1024 * 1024 } },
    ])
  })

  test('without limits, by sectors and 32 MiB; an odd size leaves single bytes', () => {
    expect(heard([NEWSTYLE, EXPORT, GO_ACK]).at(-1)).toEqual({ kind: 'open', facts: FACTS })
    const odd = hex(GO_REPLY, '00000003 0000000c', '0000 0000000000010001 004d')
    expect(heard([NEWSTYLE, odd, GO_ACK]).at(-1)).toMatchObject({ facts: { sizeBytes: 65537, blockBytes: 1 } })
  })

  test('facts that were not asked for are passed over', () => {
    const name = hex(GO_REPLY, '00000003 00000006', '0001 6469736b')
    const unknown = hex(GO_REPLY, '00000003 00000003', '7777 ff')
    expect(heard([NEWSTYLE, name, EXPORT, unknown, GO_ACK]).at(-1)).toEqual({ kind: 'open', facts: FACTS })
  })

  test.each([
    ['nothing at all', '0000', { canFlush: false, canFua: false, canWriteZeroes: false, readOnly: false }],
    ['flags that say they are none', '004c', { canFlush: false, canFua: false, canWriteZeroes: false, readOnly: false }],
    ['read-only', '0003', { readOnly: true }],
    ['flush alone', '0005', { canFlush: true, canFua: false, canWriteZeroes: false }],
    ['FUA alone', '0009', { canFlush: false, canFua: true, canWriteZeroes: false }],
    ['write-zeroes alone', '0041', { canFlush: false, canWriteZeroes: true }],
    ['flags of the future', 'ffff', { canFlush: true, canFua: true, readOnly: true }],
  ])('with a server that offers %s', (_name, flags, facts) => {
    const size = hex(GO_REPLY, '00000003 0000000c', '0000 0000000000010000', flags)
    expect(heard([NEWSTYLE, size, GO_ACK]).at(-1)).toMatchObject({ kind: 'open', facts })
  })

  test('by name where GO is not known, in the same connection', () => {
    const unsupported = hex(GO_REPLY, '80000001 00000000')
    expect(heard([NEWSTYLE, unsupported, hex('0000000000010000 004d')])).toEqual([
      sent('00000003', GO),
      sent(BY_NAME),
      { kind: 'open', facts: FACTS },
    ])
  })

  test('by name at once with a server that is not fixed newstyle, with its gap of zeroes', () => {
    const answer = hex('0000000000010000 004d', '00'.repeat(124))
    expect(heard([hex(GREETING, '0000'), answer])).toEqual([sent('00000000', BY_NAME), { kind: 'open', facts: FACTS }])
    expect(heard([hex(GREETING, '0000'), answer.subarray(0, 133)])).toHaveLength(1)
  })

  test('by name only, where it was told so', () => {
    expect(heard([NEWSTYLE, hex('0000000000010000 0001')], { exportNameOnly: true })).toMatchObject([
      sent('00000003', BY_NAME),
      { kind: 'open', facts: { canFlush: false } },
    ])
  })

  test('flags of the greeting that it does not know are not repeated', () => {
    expect(heard([hex(GREETING, 'ffff')])).toEqual([sent('00000003', GO)])
  })

  test('TLS first, then the export', () => {
    const all = [NEWSTYLE, TLS_ACK, EXPORT, GO_ACK]
    expect(heard(all, { tls: true })).toEqual([
      sent('00000003', STARTTLS),
      { kind: 'start-tls' },
      { kind: 'secured', bytes: hex(GO) },
      { kind: 'open', facts: FACTS },
    ])
  })
})

describe('an NBD client refuses', () => {
  test.each([
    ['another protocol', hex('485454502f312e31 20343030204261 64 0000'), 'EPROTO', /does not speak NBD/],
    ['the oldest NBD', hex('4e42444d41474943 00420281861253 00 0000 00'.replaceAll(' ', '')), 'EPROTO', /oldest/],
  ])('%s', (_name, bytes, code, reason) => {
    expect(heard([bytes]).at(-1)).toEqual({ kind: 'failed', code, reason: expect.stringMatching(reason) as string })
  })

  test.each([
    ['no such export', hex(GO_REPLY, '80000006 00000003 6e6f21'), 'EEXPORT', /no export "disk": "no!"/],
    ['a policy', hex(GO_REPLY, '80000002 00000000'), 'EACCES', /policy/],
    ['TLS that it demands', hex(GO_REPLY, '80000005 00000000'), 'ETLS', /insists/],
    ['its end', hex(GO_REPLY, '80000007 00000000'), 'ESHUTDOWN', /shutting down/],
    ['an error that is not known', hex(GO_REPLY, '80001234 00000000'), 'EPROTO', /0x80001234/],
    ['an answer that GO does not have', hex(GO_REPLY, '00000002 00000000'), 'EPROTO', /0x2/],
    ['a reply without its magic', hex('0003e889045565aa 00000007 00000001 00000000'), 'EPROTO', /magic/],
    ['the answer to another option', hex('0003e889045565a9 00000006 00000001 00000000'), 'EPROTO', /not asked/],
    ['an endless reply', hex(GO_REPLY, '00000003 ffffffff'), 'EPROTO', /4294967295 bytes/],
    ['one byte more than it may say', hex(GO_REPLY, '00000003 00004001'), 'EPROTO', /16385 bytes/],
    ['endless replies', Buffer.concat(Array.from({ length: 65 }, () => EXPORT)), 'EPROTO', /without end/],
    ['a fact without a number', Buffer.concat([hex(GO_REPLY, '00000003 00000001 00'), GO_ACK]), 'EPROTO', /without a size/],
    ['an export without a size', GO_ACK, 'EPROTO', /without a size/],
    ['a size that is cut off', hex(GO_REPLY, '00000003 0000000b', '0000 0000000000010000 00'), 'EPROTO', /cut off/],
    ['block sizes that are cut off', hex(GO_REPLY, '00000003 00000004', '0003 0001'), 'EPROTO', /block sizes/],
    ['a block of nothing', blocks('00000000', '00200000'), 'EPROTO', /block sizes/],
    ['a block of three', blocks('00000003', '00200000'), 'EPROTO', /block sizes/],
    ['a block of 128 KiB', blocks('00020000', '00200000'), 'EPROTO', /block sizes/],
    ['a block of 2 GiB', blocks('80000000', 'ffffffff'), 'EPROTO', /block sizes/],
    ['a payload below the block', blocks('00001000', '00000fff'), 'EPROTO', /block sizes/],
    [
      'a size that is no multiple of the block',
      Buffer.concat([blocks('00001000', '00200000'), hex(GO_REPLY, '00000003 0000000c', '0000 0000000000010200 004d'), GO_ACK]),
      'EPROTO',
      /66048 bytes, which cannot be/,
    ],
    [
      'more bytes than can be counted',
      Buffer.concat([hex(GO_REPLY, '00000003 0000000c', '0000 ffffffffffffffff 004d'), GO_ACK]),
      'EPROTO',
      /18446744073709551615 bytes/,
    ],
  ])('%s', (_name, bytes, code, reason) => {
    expect(refusal(bytes)).toEqual({ kind: 'failed', code, reason: expect.stringMatching(reason) as string })
  })

  test('what a server says about it stays short and on one line', () => {
    const text = '0a1b'.repeat(1000)
    expect(refusal(hex(GO_REPLY, '80000002 000007d0', text))).toMatchObject({
      reason: expect.stringMatching(/^.{1,1300}$/) as string,
    })
  })

  test.each([
    ['a server that is too old', hex(GREETING, '0002'), /too old/],
    ['a server that has none', Buffer.concat([NEWSTYLE, hex(TLS_REPLY, '80000001 00000000')]), /offers no TLS/],
    ['a server whose policy is against it', Buffer.concat([NEWSTYLE, hex(TLS_REPLY, '80000002 00000002 6e6f')]), /no TLS: "no"/],
    ['a server that answers with a fact', Buffer.concat([NEWSTYLE, hex(TLS_REPLY, '00000003 00000000')]), /offers no TLS/],
  ])('to go on without TLS, with %s', (_name, bytes, reason) => {
    expect(heard([bytes], { tls: true }).at(-1)).toEqual({
      ...{ kind: 'failed', code: 'ETLS' },
      reason: expect.stringMatching(reason) as string,
    })
  })
})

function blocks(least: string, most: string): Buffer {
  return hex(GO_REPLY, '00000003 0000000e 0003', least, '00001000', most)
}

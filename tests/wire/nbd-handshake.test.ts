import { NbdConversation } from '../../lib/wire/nbd/conversation'
import { events, GO, hex, OFFER, OPTION, sent } from './nbd-bytes'

/** Has flags, flush, FUA, trim, write-zeroes, multi-conn. */
const FLAGS = '016d'
const REPLY = '0003e889045565a9'
const ACK = '00000001 00000000'
const INFO_EXPORT = `00000003 0000000c 0000 0000000000010000 ${FLAGS}`

const text = (...parts: string[]): string => hex(...parts).toString('hex')

describe('the NBD negotiation, byte by byte', () => {
  test('greeting', () => {
    expect(new NbdConversation([OFFER]).greeting().toString('hex')).toBe(text('4e42444d41474943', OPTION, '0003'))
  })

  test('tapdisk: any name on a socket with one disk, ten bytes back', () => {
    const bytes = hex('00000003', OPTION, '00000001 0000000f', '7461706469736b5f636c69656e74 00')
    expect(sent(bytes)).toBe(text('0000000000010000', FLAGS))
    expect(events([bytes])).toMatchObject([{ kind: 'open', offer: OFFER }])
  })

  test('the oldest clients get 124 zeroes with it', () => {
    expect(sent(hex('00000001', OPTION, '00000001 00000006 6469736b2d30'))).toBe(
      text('0000000000010000', FLAGS, '00'.repeat(124)),
    )
    expect(sent(hex('00000000', OPTION, '00000001 00000000'))).toBe(text('0000000000010000', FLAGS, '00'.repeat(124)))
  })

  test('GO', () => {
    expect(sent(GO)).toBe(text(REPLY, '00000007', INFO_EXPORT, REPLY, '00000007', ACK))
    expect(events([GO]).map(({ kind }) => kind)).toEqual(['open'])
  })

  test('INFO with name and block sizes, and the talk goes on', () => {
    const info = hex('00000003', OPTION, '00000006 00000010', '00000006 6469736b2d30 0002 0001 0003')
    expect(sent(info)).toBe(
      text(
        ...[REPLY, '00000006', INFO_EXPORT],
        ...[REPLY, '00000006', '00000003 00000008 0001 6469736b2d30'],
        ...[REPLY, '00000006', '00000003 0000000e 0003 00000001 00001000 02000000'],
        ...[REPLY, '00000006', ACK],
      ),
    )
    expect(events([info]).map(({ kind }) => kind)).toEqual(['send'])
  })

  test('a read-only disk says so', () => {
    expect(sent(GO, [{ ...OFFER, readOnly: true }])).toContain('016f')
  })

  test('LIST names each disk', () => {
    const list = hex('00000003', OPTION, '00000003 00000000')
    expect(sent(list, [OFFER, { ...OFFER, name: 'b' }])).toBe(
      text(
        ...[REPLY, '00000003', '00000002 0000000a 00000006 6469736b2d30'],
        ...[REPLY, '00000003', '00000002 00000005 00000001 62'],
        ...[REPLY, '00000003', ACK],
      ),
    )
    expect(sent(hex('00000003', OPTION, '00000003 00000001 00'))).toBe(text(REPLY, '00000003', '80000003 00000000'))
  })

  test('among several disks the name counts', () => {
    const two = [OFFER, { ...OFFER, name: 'b', sizeBytes: 0x200 }]
    expect(events([hex('00000003', OPTION, '00000001 00000001 62')], two)).toMatchObject([{ kind: 'open', offer: two[1] }])
    expect(events([hex('00000003', OPTION, '00000001 00000001 63')], two)).toMatchObject([{ kind: 'close', orderly: false }])
    expect(sent(hex('00000003', OPTION, '00000007 00000007 00000001 63 0000'), two)).toBe(
      text(REPLY, '00000007', '80000006 00000000'),
    )
  })

  test.each([
    ['STARTTLS is against policy', '00000005 00000000', '00000005 80000002 00000000'],
    ['EXTENDED_HEADERS are not supported', '0000000b 00000000', '0000000b 80000001 00000000'],
    ['an option nobody knows', '0000abcd 00000003 010203', '0000abcd 80000001 00000000'],
    ['GO without anything', '00000007 00000000', '00000007 80000003 00000000'],
    ['GO too short to hold a name', '00000007 00000004 00000000', '00000007 80000003 00000000'],
    ['GO whose name is longer than it', '00000007 00000006 00000001 0000', '00000007 80000003 00000000'],
    ['GO whose name is longer than anything', '00000007 00000006 ffffffff 0000', '00000007 80000003 00000000'],
    [
      'GO with a name past what the protocol allows',
      `00000007 00001007 00001001 ${'61'.repeat(0x1001)} 0000`,
      '00000007 80000003 00000000',
    ],
    ['GO with more wishes announced than sent', '00000007 00000008 00000000 0002 0003', '00000007 80000003 00000000'],
    ['GO with fewer wishes announced than sent', '00000007 0000000a 00000000 0001 0003 0001', '00000007 80000003 00000000'],
    ['an option too large', `0000abcd 00002001 ${'00'.repeat(0x2001)}`, '0000abcd 80000009 00000000'],
  ])('%s, and the talk goes on', (_name, option, answer) => {
    expect(sent(hex('00000003', OPTION, option))).toBe(text(REPLY, answer))
    expect(sent(Buffer.concat([hex('00000003', OPTION, option), GO.subarray(4)]))).toBe(
      text(REPLY, answer, REPLY, '00000007', INFO_EXPORT, REPLY, '00000007', ACK),
    )
  })

  test.each([
    ['the longest name', `00000007 00001006 00001000 ${'61'.repeat(0x1000)} 0000`],
    ['every wish that fits', `00000007 00002000 00000006 6469736b2d30 0ffa ${'0003'.repeat(0xffa)}`],
  ])('%s is taken', (_name, option) => {
    expect(events([hex('00000003', OPTION, option)]).map(({ kind }) => kind)).toEqual(['open'])
  })

  test('a wish is answered once, however often it is repeated', () => {
    const wish = hex('00000003', OPTION, `00000006 00002000 00000006 6469736b2d30 0ffa ${'0003'.repeat(0xffa)}`)
    expect(sent(wish).length / 2).toBe(3 * 20 + 12 + 14)
  })

  test('ABORT is acknowledged, then the end', () => {
    const bytes = hex('00000003', OPTION, '00000002 00000000')
    expect(sent(bytes)).toBe(text(REPLY, '00000002', ACK))
    expect(events([bytes])).toMatchObject([{ kind: 'close', orderly: true }])
  })

  test.each([
    ['flags nobody knows', hex('00000004')],
    ['an option without its magic', hex('00000003', '49484156454f5055', '00000007 00000000')],
    ['a name of megabytes', hex('00000003', OPTION, '00000001 00400000')],
    ['a name past what the protocol allows', hex('00000003', OPTION, '00000001 00001001', '61'.repeat(0x1001))],
    ['a new option in the oldest dialect', hex('00000000', OPTION, '00000003 00000000')],
    ['endless haggling', Buffer.concat([hex('00000003'), ...Array<Buffer>(257).fill(hex(OPTION, '0000abcd 00000000'))])],
  ])('%s ends the connection', (_name, bytes) => {
    const last = events([bytes, GO]).at(-1)
    expect(last).toMatchObject({ kind: 'close', orderly: false })
  })

  test('whoever haggles up to the limit is served', () => {
    const haggling = Array<Buffer>(255).fill(hex(OPTION, '0000abcd 00000000'))
    expect(events([Buffer.concat([hex('00000003'), ...haggling, GO.subarray(4)])]).at(-1)).toMatchObject({ kind: 'open' })
  })
})

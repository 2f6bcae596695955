import type { NbdEvent } from '../../lib/wire/nbd/conversation'
import { bytesOf, events, GO, hex, OFFER, OPTION, STRUCTURED } from './nbd-bytes'

const REQUIRED = { tls: 'required', structured: true } as const
const REPLY = '0003e889045565a9'
const START_TLS = hex(OPTION, '00000005 00000000')
const text = (...parts: string[]): string => hex(...parts).toString('hex')
/** Each piece is understood before the next comes. */
const talk = (...pieces: Buffer[]): NbdEvent[] => events([hex('00000003'), ...pieces], [OFFER], REQUIRED)
const kinds = (all: readonly NbdEvent[]): string[] => all.map(({ kind }) => kind)

describe('where TLS is required', () => {
  test.each([
    ['LIST', '00000003'],
    ['INFO', '00000006'],
    ['GO', '00000007'],
    ['STRUCTURED_REPLY', '00000008'],
    ['LIST_META_CONTEXT', '00000009'],
    ['SET_META_CONTEXT', '0000000a'],
    ['an option nobody knows', '0000abcd'],
  ])('%s before TLS is told so, whatever is in it', (_name, code) => {
    const all = talk(hex(OPTION, code, '00000002 0102'))
    expect(bytesOf(all).toString('hex')).toBe(text(REPLY, code, '80000005 00000000'))
    expect(kinds(all)).toEqual(['send'])
  })

  test('a disk chosen in the old way ends the connection, and nothing is told of it', () => {
    const all = talk(hex(OPTION, '00000001 00000000'))
    expect(kinds(all)).toEqual(['close'])
    expect(bytesOf(all).length).toBe(0)
  })

  test('ABORT is heard', () => {
    expect(talk(hex(OPTION, '00000002 00000000'))).toMatchObject([{ kind: 'close', orderly: true }])
  })

  test('STARTTLS is acknowledged, then everything goes', () => {
    const all = talk(START_TLS, GO.subarray(4))
    expect(kinds(all)).toEqual(['start-tls', 'open'])
    expect(bytesOf(all.slice(0, 1)).toString('hex')).toBe(text(REPLY, '00000005 00000001 00000000'))
  })

  test('STARTTLS with anything in it is invalid', () => {
    const all = talk(hex(OPTION, '00000005 00000001 00'))
    expect(bytesOf(all).toString('hex')).toBe(text(REPLY, '00000005 80000003 00000000'))
    expect(kinds(all)).toEqual(['send'])
  })

  test('STARTTLS under TLS is invalid', () => {
    const all = talk(START_TLS, START_TLS, GO.subarray(4))
    expect(kinds(all)).toEqual(['start-tls', 'send', 'open'])
    expect(bytesOf(all.slice(1, 2)).toString('hex')).toBe(text(REPLY, '00000005 80000003 00000000'))
  })

  test('bytes behind STARTTLS, which anybody could have added, end the connection', () => {
    for (const more of [GO.subarray(4), Buffer.from([0x16])]) {
      const all = talk(Buffer.concat([START_TLS, more]))
      expect(all).toMatchObject([{ kind: 'close', orderly: false, reason: 'bytes that came before TLS' }])
      expect(bytesOf(all).length).toBe(0)
    }
  })

  test('haggling counts across TLS', () => {
    const option = hex(OPTION, '0000abcd 00000000')
    const all = talk(...Array<Buffer>(200).fill(option), START_TLS, ...Array<Buffer>(60).fill(option))
    expect(all.at(-1)).toMatchObject({ kind: 'close', reason: 'too many options' })
  })

  test('after TLS nothing that was agreed before counts', () => {
    // Refused before TLS, agreed on after it: only then does the disk say that it keeps reads in one piece.
    const without = bytesOf(talk(STRUCTURED, START_TLS, GO.subarray(4))).toString('hex')
    const within = bytesOf(talk(START_TLS, STRUCTURED, GO.subarray(4))).toString('hex')
    expect(without).toContain('0000000000010000' + '016d')
    expect(within).toContain('0000000000010000' + '01ed')
  })
})

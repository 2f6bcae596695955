import { NbdConversation, type NbdEvent } from '../../lib/wire/nbd/conversation'
import type { NbdOffer } from '../../lib/wire/nbd/handshake'

/** Bytes as a person writes them down: hex with spaces. */
export const hex = (...lines: string[]): Buffer => Buffer.from(lines.join('').replace(/\s/g, ''), 'hex')

export const OFFER: NbdOffer = { name: 'disk-0', sizeBytes: 0x10000, readOnly: false }

/** Every event that these pieces cause, one after the other. */
export function events(chunks: readonly Buffer[], offers: readonly NbdOffer[] = [OFFER]): NbdEvent[] {
  const conversation = new NbdConversation(offers)
  const all: NbdEvent[] = []
  for (const chunk of chunks) {
    conversation.feed(chunk)
    for (let event = conversation.next(); event !== null; event = conversation.next()) all.push(event)
  }
  return all
}

/** What the server sends for these bytes, requests left out. */
export const sent = (bytes: Buffer, offers?: readonly NbdOffer[]): string =>
  Buffer.concat(events([bytes], offers).map((event) => (event.kind === 'request' ? Buffer.alloc(0) : event.bytes))).toString(
    'hex',
  )

/** IHAVEOPT */
export const OPTION = '49484156454f5054'
/** Client flags, then GO for `disk-0` with no further wishes. */
export const GO = hex('00000003', OPTION, '00000007', '0000000c', '00000006', '6469736b2d30', '0000')
export const REQUEST = '25609513'

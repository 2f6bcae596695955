import { NbdConversation, type NbdEvent } from '../../lib/wire/nbd/conversation'
import type { NbdOffer, NbdPolicy } from '../../lib/wire/nbd/handshake'
import { Inbox } from '../../lib/wire/nbd/inbox'

/** Bytes as a person writes them down: hex with spaces. */
export const hex = (...lines: string[]): Buffer => Buffer.from(lines.join('').replace(/\s/g, ''), 'hex')

export const OFFER: NbdOffer = { name: 'disk-0', sizeBytes: 0x10000, readOnly: false }

/** Every event that these pieces cause, one after the other. TLS stands as soon as it is asked for. */
export function events(chunks: readonly Buffer[], offers: readonly NbdOffer[] = [OFFER], policy?: NbdPolicy): NbdEvent[] {
  const inbox = new Inbox()
  const conversation = new NbdConversation(offers, inbox, policy)
  const all: NbdEvent[] = []
  for (const chunk of chunks) {
    inbox.feed(chunk)
    for (let event = conversation.next(); event !== null; event = conversation.next()) {
      all.push(event)
      if (event.kind === 'start-tls') conversation.secured()
    }
  }
  return all
}

export const bytesOf = (all: readonly NbdEvent[]): Buffer =>
  Buffer.concat(all.map((event) => (event.kind === 'request' || event.kind === 'payload' ? Buffer.alloc(0) : event.bytes)))

/** What the server sends for these bytes, requests left out. */
export const sent = (bytes: Buffer, offers?: readonly NbdOffer[], policy?: NbdPolicy): string =>
  bytesOf(events([bytes], offers, policy)).toString('hex')

/** IHAVEOPT */
export const OPTION = '49484156454f5054'
/** Client flags, then GO for `disk-0` with no further wishes. */
export const GO = hex('00000003', OPTION, '00000007', '0000000c', '00000006', '6469736b2d30', '0000')
export const STRUCTURED = hex(OPTION, '00000008 00000000')
/** SET_META_CONTEXT for `disk-0`: base:allocation. */
export const ALLOCATION = hex(
  OPTION,
  '0000000a 00000021',
  '00000006 6469736b2d30',
  '00000001 0000000f 626173653a616c6c6f636174696f6e',
)
/** Client flags, structured replies, the context, then GO for `disk-0`. */
export const GO_STRUCTURED = Buffer.concat([hex('00000003'), STRUCTURED, ALLOCATION, GO.subarray(4)])
export const REQUEST = '25609513'

import { PEER_PAYLOAD_BYTES_MAX, PEER_TEXT_BYTES_MAX, type WireFrame } from './peer-envelope'

/** The type of a frame in its header. */
export const TYPE = {
  hello: 1,
  welcome: 2,
  refuse: 3,
  write: 4,
  zero: 5,
  flush: 6,
  read: 7,
  done: 8,
  data: 9,
  ping: 10,
  pong: 11,
  hash: 13,
  mark: 14,
  hint: 15,
  bits: 16,
  present: 17,
  gone: 18,
  note: 19,
  noted: 20,
  spent: 21,
  'link-ping': 32,
  'link-ack': 33,
  bye: 34,
} as const satisfies Record<WireFrame['type'], number>

export const FLAG = { fua: 1, punch: 2, guestActive: 4, resume: 8 } as const

/** Bytes. */
export function payloadLimit(type: number): number {
  return type === TYPE.write || type === TYPE.data ? PEER_PAYLOAD_BYTES_MAX : PEER_TEXT_BYTES_MAX
}

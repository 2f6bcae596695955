import { PEER_PAYLOAD_BYTES_MAX, PEER_TEXT_BYTES_MAX, type WireFrame } from './peer-envelope'
import { EPOCH_PART_BYTES_MAX, EPOCH_TRAFFIC_BYTES_MAX } from './peer-epochs'
import { RUN_TABLE_BYTES_MAX } from './peer-runs'

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
  'epoch-begin': 40,
  'epoch-part': 41,
  'epoch-cut': 42,
  'epoch-end': 43,
  'epoch-leave': 44,
  'epoch-begun': 45,
  'epoch-ack': 46,
  'epoch-left': 47,
  'epoch-press': 48,
  'epoch-failed': 49,
  'epoch-traffic': 50,
} as const satisfies Record<WireFrame['type'], number>

export const FLAG = { fua: 1, punch: 2, guestActive: 4, resume: 8, migration: 16, device: 32, came: 64 } as const

/** Bytes. */
export function payloadLimit(type: number): number {
  if (type === TYPE['epoch-part']) return EPOCH_PART_BYTES_MAX + RUN_TABLE_BYTES_MAX
  if (type === TYPE['epoch-traffic']) return EPOCH_TRAFFIC_BYTES_MAX
  return type === TYPE.write || type === TYPE.data ? PEER_PAYLOAD_BYTES_MAX : PEER_TEXT_BYTES_MAX
}

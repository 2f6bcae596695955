import { ByteQueue } from '../../lib/wire/byte-queue'
import { NbdClientHandshake, type ClientStep, type NbdWish } from '../../lib/wire/nbd/client-handshake'
import { NbdReplies, type ReplyStep } from '../../lib/wire/nbd/client-replies'
import { hex } from './nbd-bytes'

/** What a server says, written from the protocol and not with the codec. */
export const GREETING = '4e42444d41474943 49484156454f5054'
export const NEWSTYLE = hex(GREETING, '0003')
export const GO_REPLY = '0003e889045565a9 00000007'
export const TLS_REPLY = '0003e889045565a9 00000005'
/** 64 KiB with flush, FUA and write-zeroes. */
export const EXPORT = hex(GO_REPLY, '00000003 0000000c', '0000 0000000000010000 004d')
export const BLOCKS = hex(GO_REPLY, '00000003 0000000e', '0003 00001000 00010000 00200000')
export const GO_ACK = hex(GO_REPLY, '00000001 00000000')
export const TLS_ACK = hex(TLS_REPLY, '00000001 00000000')

export const WISH: NbdWish = { exportName: 'disk', tls: false, exportNameOnly: false }

/** Every step of a handshake that hears these pieces; `secured` is called where TLS begins. */
export function heard(
  parts: readonly Buffer[],
  wish: Partial<NbdWish> = {},
): readonly (ClientStep | { kind: 'secured'; bytes: Buffer })[] {
  const handshake = new NbdClientHandshake({ ...WISH, ...wish })
  const queue = new ByteQueue()
  const steps: (ClientStep | { kind: 'secured'; bytes: Buffer })[] = []
  for (const part of parts) {
    queue.push(part)
    for (let step = handshake.next(queue); step !== null; step = handshake.next(queue)) {
      steps.push(step)
      if (step.kind === 'start-tls') steps.push({ kind: 'secured', bytes: handshake.secured() })
      if (step.kind === 'open' || step.kind === 'failed') return steps
    }
  }
  return steps
}

/** Every step of the replies in these pieces, when a request of each cookie expects so many bytes; data that follows data is joined. */
export function replies(
  parts: readonly Buffer[],
  asked: Readonly<Record<number, number>>,
  tapdisk = false,
): readonly ReplyStep[] {
  const left = new Map(Object.entries(asked).map(([cookie, bytes]) => [Number(cookie), bytes]))
  const codec = new NbdReplies({ dataBytes: (cookie) => left.get(cookie), dataFollowsErrors: tapdisk })
  const queue = new ByteQueue()
  const steps: ReplyStep[] = []
  for (const part of parts) {
    queue.push(part)
    for (let step = codec.next(queue); step !== null; step = codec.next(queue)) {
      const last = steps.at(-1)
      if (step.kind === 'data' && last?.kind === 'data' && last.cookie === step.cookie)
        steps[steps.length - 1] = { ...last, bytes: Buffer.concat([last.bytes, step.bytes]) }
      else steps.push(step)
      if (step.kind === 'done') left.delete(step.cookie)
      if (step.kind === 'garbage') return steps
    }
  }
  return steps
}

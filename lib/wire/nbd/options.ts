import { INFO, NAME_BYTES_MAX, OPTION_REPLY, OPTION_REPLY_MAGIC, PAYLOAD_BYTES_MAX, TRANSMISSION } from './numbers'
import { ALLOCATION_CONTEXT_ID } from './replies'

/** One disk offered on a socket. */
export interface NbdOffer {
  readonly name: string
  readonly sizeBytes: number
  readonly readOnly: boolean
}

const ALLOCATION_CONTEXT = 'base:allocation'
const NOTHING = Buffer.alloc(0)

/** Several connections may be used as one: a flush on any covers what was answered on all. */
export function transmissionFlags(offer: NbdOffer, structured: boolean): number {
  const { hasFlags, readOnly, sendFlush, sendFua, sendTrim, sendWriteZeroes, sendDf, canMultiConn } = TRANSMISSION
  const always = hasFlags | sendFlush | sendFua | sendTrim | sendWriteZeroes | canMultiConn
  return always | (offer.readOnly ? readOnly : 0) | (structured ? sendDf : 0)
}

export function optionReply(option: number, type: number, data: Buffer = NOTHING): Buffer {
  const header = Buffer.alloc(20)
  header.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0)
  header.writeUInt32BE(option, 8)
  header.writeUInt32BE(type, 12)
  header.writeUInt32BE(data.length, 16)
  return Buffer.concat([header, data])
}

/** What LIST, INFO, GO and the context options answer with: facts, each in a reply of its own, then the end of them. */
export const factReplies = (option: number, type: number, facts: readonly Buffer[]): Buffer =>
  Buffer.concat([...facts.map((fact) => optionReply(option, type, fact)), optionReply(option, OPTION_REPLY.ack)])

export function exportFact(offer: NbdOffer, structured: boolean): Buffer {
  const fact = Buffer.alloc(12)
  fact.writeUInt16BE(INFO.export, 0)
  fact.writeBigUInt64BE(BigInt(offer.sizeBytes), 2)
  fact.writeUInt16BE(transmissionFlags(offer, structured), 10)
  return fact
}

export function nameFact(offer: NbdOffer): Buffer {
  const number = Buffer.alloc(2)
  number.writeUInt16BE(INFO.name, 0)
  return Buffer.concat([number, Buffer.from(offer.name, 'utf8')])
}

/** Any offset and length is served; 4 KiB is what the replica's file system likes best. */
export function blockSizeFact(): Buffer {
  const fact = Buffer.alloc(14)
  fact.writeUInt16BE(INFO.blockSize, 0)
  fact.writeUInt32BE(1, 2)
  fact.writeUInt32BE(4096, 6)
  fact.writeUInt32BE(PAYLOAD_BYTES_MAX, 10)
  return fact
}

export function serverFact(offer: NbdOffer): Buffer {
  const name = Buffer.from(offer.name, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(name.length, 0)
  return Buffer.concat([length, name])
}

/** An answer to LIST_META_CONTEXT carries no number. */
export function contextFact(listed: boolean): Buffer {
  const number = Buffer.alloc(4)
  if (!listed) number.writeUInt32BE(ALLOCATION_CONTEXT_ID, 0)
  return Buffer.concat([number, Buffer.from(ALLOCATION_CONTEXT, 'latin1')])
}

/** INFO and GO: u32 name length, name, u16 count, count times u16 wanted fact. Null: it is not that. */
export function parseWish(payload: Buffer): { readonly name: string; readonly wanted: readonly number[] } | null {
  if (payload.length < 6) return null
  const nameBytes = payload.readUInt32BE(0)
  if (nameBytes > Math.min(NAME_BYTES_MAX, payload.length - 6)) return null
  const count = payload.readUInt16BE(4 + nameBytes)
  const start = 6 + nameBytes
  if (payload.length !== start + 2 * count) return null
  const wanted = Array.from({ length: count }, (_, index) => payload.readUInt16BE(start + 2 * index))
  return { name: payload.toString('utf8', 4, 4 + nameBytes), wanted }
}

/**
 * LIST_META_CONTEXT and SET_META_CONTEXT: u32 name length, name, u32 count, count times u32 length and query. `allocation`:
 * the one context that there is was asked for. Null: it is not that.
 */
export function parseContexts(payload: Buffer, listed: boolean): { readonly name: string; readonly allocation: boolean } | null {
  if (payload.length < 8) return null
  const nameBytes = payload.readUInt32BE(0)
  if (nameBytes > Math.min(NAME_BYTES_MAX, payload.length - 8)) return null
  const count = payload.readUInt32BE(4 + nameBytes)
  let at = 8 + nameBytes
  let allocation = listed && count === 0
  for (let index = 0; index < count; index++) {
    if (payload.length < at + 4) return null
    const bytes = payload.readUInt32BE(at)
    at += 4
    if (bytes > Math.min(NAME_BYTES_MAX, payload.length - at)) return null
    const query = payload.toString('latin1', at, at + bytes)
    at += bytes
    if (query === ALLOCATION_CONTEXT || (listed && query === 'base:')) allocation = true
  }
  return at === payload.length ? { name: payload.toString('utf8', 4, 4 + nameBytes), allocation } : null
}

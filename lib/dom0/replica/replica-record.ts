import { createHash } from 'node:crypto'

/** Which of a replica's files a record belongs to, so that one file's is not taken for another's. */
export type RecordKind = 'activity-log' | 'bitmap'

export interface StoredRecord {
  readonly number: number
  /** Grows by one with each save of the record of that number. */
  readonly seq: number
  readonly payload: Buffer
}

const MAGIC = 0x48466d31
/** Of what a new record is filled with. */
export const FIRST_SEQ = 1
const KINDS = { 'activity-log': 1, bitmap: 2 } as const
const SUMMED_BYTES = 32
const SUM_BYTES = 32
export const RECORD_HEADER_BYTES = SUMMED_BYTES + SUM_BYTES

/** Bytes in front of the payload, big endian; docs/reference/replica-format.md has the table. */
export function encodeRecord(kind: RecordKind, replica: string, { number, seq, payload }: StoredRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + payload.length)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeUInt32BE(KINDS[kind], 4)
  bytes.writeBigUInt64BE(BigInt(seq), 8)
  bytes.writeUInt32BE(number, 16)
  bytes.writeUInt32BE(payload.length, 20)
  payload.copy(bytes, RECORD_HEADER_BYTES)
  checksum(replica, bytes, payload.length).copy(bytes, SUMMED_BYTES)
  return bytes
}

/**
 * Null when the bytes are not a whole record of that kind, number and replica. The checksum includes the replica's name: records
 * of an earlier replica at the same place mean nothing.
 */
export function decodeRecord(kind: RecordKind, replica: string, number: number, bytes: Buffer): StoredRecord | null {
  if (bytes.length < RECORD_HEADER_BYTES) return null
  const length = bytes.readUInt32BE(20)
  const seq = Number(bytes.readBigUInt64BE(8))
  if (bytes.readUInt32BE(0) !== MAGIC || bytes.readUInt32BE(4) !== KINDS[kind] || bytes.readUInt32BE(16) !== number) return null
  if (!Number.isSafeInteger(seq) || seq < FIRST_SEQ || length > bytes.length - RECORD_HEADER_BYTES) return null
  const sum = bytes.subarray(SUMMED_BYTES, RECORD_HEADER_BYTES)
  if (!checksum(replica, bytes, length).equals(sum)) return null
  return { number, seq, payload: bytes.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + length) }
}

const checksum = (replica: string, bytes: Buffer, length: number): Buffer =>
  createHash('sha256')
    .update(replica)
    .update(bytes.subarray(0, SUMMED_BYTES))
    .update(bytes.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + length))
    .digest()

/** NBD as this test writes and reads it, sharing nothing with the program. A disk of cells: two bytes each, big-endian. */
export const CELL_BYTES = 2
export const KIND = { read: 0, write: 1, flush: 3, trim: 4, zero: 6 } as const
export type Kind = keyof typeof KIND
export const EIO = 5
export const ESHUTDOWN = 108

export interface Asked {
  readonly kind: Kind
  readonly cookie: bigint
  /** First cell and number of cells. */
  readonly at: number
  readonly cells: number
  /** What each cell becomes; of a write only. */
  readonly value: number
}

export function requestBytes({ kind, cookie, at, cells, value }: Asked): Buffer {
  const header = Buffer.alloc(28)
  header.writeUInt32BE(0x25609513, 0)
  header.writeUInt16BE(KIND[kind], 6)
  header.writeBigUInt64BE(cookie, 8)
  header.writeBigUInt64BE(BigInt(at * CELL_BYTES), 16)
  header.writeUInt32BE(cells * CELL_BYTES, 24)
  return kind === 'write' ? Buffer.concat([header, cellsOf(Array<number>(cells).fill(value))]) : header
}

export function cellsOf(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * CELL_BYTES)
  values.forEach((value, index) => bytes.writeUInt16BE(value, index * CELL_BYTES))
  return bytes
}

export const valuesOf = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / CELL_BYTES }, (_none, index) => bytes.readUInt16BE(index * CELL_BYTES))

export function replyBytes(cookie: bigint, error: number, data: Buffer): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32BE(0x67446698, 0)
  header.writeUInt32BE(error, 4)
  header.writeBigUInt64BE(cookie, 8)
  return Buffer.concat([header, data])
}

/** A byte stream between two sides: what was pushed comes out in order, in pieces of any size. */
export class Pipe {
  private bytes = Buffer.alloc(0)
  push(more: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, more])
  }
  get length(): number {
    return this.bytes.length
  }
  peek(count: number): Buffer | null {
    return this.bytes.length < count ? null : this.bytes.subarray(0, count)
  }
  /** A copy: the receiver may write into it. */
  take(count: number): Buffer {
    const piece = Buffer.from(this.bytes.subarray(0, count))
    this.bytes = this.bytes.subarray(count)
    return piece
  }
}

/** The next request of a stream, or null when it is not all here. */
export function readRequest(pipe: Pipe): Asked | null {
  const header = pipe.peek(28)
  if (header === null) return null
  if (header.readUInt32BE(0) !== 0x25609513) throw new Error('the worker was sent something else than a request')
  const type = header.readUInt16BE(6)
  const kind = (Object.keys(KIND) as Kind[]).find((each) => KIND[each] === type)
  if (kind === undefined) throw new Error(`the worker was sent type ${type}`)
  const cookie = header.readBigUInt64BE(8)
  const at = Number(header.readBigUInt64BE(16)) / CELL_BYTES
  const lengthBytes = header.readUInt32BE(24)
  if (kind === 'write' && pipe.length < 28 + lengthBytes) return null
  pipe.take(28)
  const value = kind === 'write' ? (valuesOf(pipe.take(lengthBytes))[0] ?? 0) : 0
  return { kind, cookie, at, cells: lengthBytes / CELL_BYTES, value }
}

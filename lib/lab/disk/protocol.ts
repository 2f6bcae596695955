/**
 * The kernel's FUSE protocol, the part that a passthrough disk needs: numbers from the kernel's <linux/fuse.h> (version 7.31,
 * which later kernels speak too). All little-endian machines; all times in ns, sizes in bytes.
 */
import type { BigIntStats, StatsFs } from 'node:fs'

export const OP = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
  RENAME2: 45,
} as const

export const ERRNO = { ENOENT: 2, EIO: 5, ENOSPC: 28, EINVAL: 22, ENOSYS: 38, ESTALE: 116 } as const
export const ROOT_NODE = 1
export const WRITE_BYTES_MAX = 1 << 20
/** A write's data and everything before it. */
export const REQUEST_BYTES_MAX = WRITE_BYTES_MAX + 4096
const IN_HEADER_BYTES = 40
const OUT_HEADER_BYTES = 16

export interface Request {
  readonly opcode: number
  readonly unique: bigint
  readonly node: number
  /** What follows the header; valid until the lane reads its next request. */
  readonly body: Buffer
}

export function parseRequest(bytes: Buffer): Request {
  return {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    node: Number(bytes.readBigUInt64LE(16)),
    body: bytes.subarray(IN_HEADER_BYTES),
  }
}

/** @param errno 0 or a positive error number, then without body */
export function reply(unique: bigint, errno: number, body?: Buffer): Buffer {
  const header = Buffer.alloc(OUT_HEADER_BYTES)
  header.writeUInt32LE(OUT_HEADER_BYTES + (body?.length ?? 0), 0)
  header.writeInt32LE(-errno, 4)
  header.writeBigUInt64LE(unique, 8)
  return body === undefined ? header : Buffer.concat([header, body])
}

export const u64 = (body: Buffer, at: number): number => Number(body.readBigUInt64LE(at))

/** NUL-terminated names from an offset on. */
export function names(body: Buffer, at: number): string[] {
  return body.toString('utf8', at).split('\0').slice(0, -1)
}

const FLAGS = { asyncRead: 1 << 0, bigWrites: 1 << 5, asyncDirectIo: 1 << 15, parallelDirectoryOps: 1 << 18, maxPages: 1 << 22 }

export function initReply(body: Buffer): Buffer {
  const offered = body.readUInt32LE(12)
  const out = Buffer.alloc(64)
  out.writeUInt32LE(7, 0)
  out.writeUInt32LE(31, 4)
  out.writeUInt32LE(body.readUInt32LE(8), 8)
  const wanted = Object.values(FLAGS).reduce((sum, flag) => sum | flag, 0)
  out.writeUInt32LE((wanted & offered) >>> 0, 12)
  out.writeUInt16LE(32, 16)
  out.writeUInt16LE(24, 18)
  out.writeUInt32LE(WRITE_BYTES_MAX, 20)
  out.writeUInt32LE(1, 24)
  out.writeUInt16LE(WRITE_BYTES_MAX / 4096, 28)
  return out
}

function attributes(out: Buffer, at: number, stat: BigIntStats): void {
  const second = 1_000_000_000n
  const wide = [stat.ino, stat.size, stat.blocks, stat.atimeNs / second, stat.mtimeNs / second, stat.ctimeNs / second]
  wide.forEach((value, index) => out.writeBigUInt64LE(value, at + index * 8))
  const narrow = [
    stat.atimeNs % second,
    stat.mtimeNs % second,
    stat.ctimeNs % second,
    stat.mode,
    stat.nlink,
    stat.uid,
    stat.gid,
    0n,
    4096n,
  ]
  narrow.forEach((value, index) => out.writeUInt32LE(Number(value), at + 48 + index * 4))
}

/** Validity times stay 0: the kernel asks again each time, so that what it shows is what the disk says now. */
export function attrReply(stat: BigIntStats): Buffer {
  const out = Buffer.alloc(104)
  attributes(out, 16, stat)
  return out
}

export function entryReply(node: number, stat: BigIntStats): Buffer {
  const out = Buffer.alloc(128)
  out.writeBigUInt64LE(BigInt(node), 0)
  attributes(out, 40, stat)
  return out
}

/** Direct I/O: every read and write of a process reaches us, none is answered from the page cache. */
export function openReply(handle: number, directIo: boolean): Buffer {
  const out = Buffer.alloc(16)
  out.writeBigUInt64LE(BigInt(handle), 0)
  out.writeUInt32LE(directIo ? 1 : 0, 8)
  return out
}

export function writeReply(bytes: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeUInt32LE(bytes, 0)
  return out
}

export function statfsReply(stat: StatsFs): Buffer {
  const out = Buffer.alloc(80)
  const wide = [stat.blocks, stat.bfree, stat.bavail, stat.files, stat.ffree]
  wide.forEach((value, index) => out.writeBigUInt64LE(BigInt(value), index * 8))
  out.writeUInt32LE(stat.bsize, 40)
  out.writeUInt32LE(255, 44)
  out.writeUInt32LE(stat.bsize, 48)
  return out
}

export interface DirectoryEntry {
  readonly name: string
  readonly isDirectory: boolean
}

/** As many entries from index `from` on as fit; an entry's cookie is the index of the one after it. */
export function directoryReply(entries: readonly DirectoryEntry[], from: number, sizeMax: number): Buffer {
  const parts: Buffer[] = []
  let size = 0
  for (const [index, entry] of entries.entries()) {
    if (index < from) continue
    const name = Buffer.from(entry.name)
    const part = Buffer.alloc(24 + Math.ceil(name.length / 8) * 8)
    if (size + part.length > sizeMax) break
    part.writeBigUInt64LE(BigInt(index + 1), 0)
    part.writeBigUInt64LE(BigInt(index + 1), 8)
    part.writeUInt32LE(name.length, 16)
    part.writeUInt32LE(entry.isDirectory ? 4 : 8, 20)
    name.copy(part, 24)
    parts.push(part)
    size += part.length
  }
  return Buffer.concat(parts)
}

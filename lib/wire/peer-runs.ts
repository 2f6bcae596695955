import { assert } from '../core/domain/assert'
import type { MemoryRange } from '../core/domain/guest-memory'
import { EPOCH_PART_BYTES_MAX } from './peer-epochs'

/**
 * Where the pages of a part belong, in front of them, big endian:
 *
 *      0  u32  how many runs          4 + 8n  u32  first page of run n          8 + 8n  u32  its pages
 *
 * The runs ascend without overlapping, and their pages are all that follows.
 */
const PAGE_BYTES = 4096
const COUNT_BYTES = 4
const RUN_BYTES = 8

/** Bytes: a part of single pages, none of which touches the next. */
export const RUN_TABLE_BYTES_MAX = COUNT_BYTES + RUN_BYTES * (EPOCH_PART_BYTES_MAX / PAGE_BYTES)

/** Of a guest's memory: as many pages as a u32 counts. Bytes. */
const MEMORY_BYTES_MAX = 2 ** 32 * PAGE_BYTES

export const isGuestMemory = (bytes: number): boolean => bytes > 0 && bytes <= MEMORY_BYTES_MAX && bytes % PAGE_BYTES === 0

export function runTable(runs: readonly MemoryRange[], dataBytes: number): Buffer {
  const table = Buffer.allocUnsafe(COUNT_BYTES + RUN_BYTES * runs.length)
  table.writeUInt32BE(runs.length)
  let at = COUNT_BYTES
  for (const { offset, length } of runs) {
    assert(offset % PAGE_BYTES === 0 && length % PAGE_BYTES === 0, 'runs are whole pages')
    at = table.writeUInt32BE(offset / PAGE_BYTES, at)
    at = table.writeUInt32BE(length / PAGE_BYTES, at)
  }
  const fault = faultOf(runs, dataBytes)
  assert(fault === null, `what is sent can be received: ${fault ?? ''}`)
  return table
}

/** The runs and what follows them, in place; or what is wrong. */
export function runsOf(payload: Buffer): { readonly runs: readonly MemoryRange[]; readonly data: Buffer } | string {
  if (payload.length < COUNT_BYTES) return 'a part without its runs'
  const count = payload.readUInt32BE()
  const end = COUNT_BYTES + RUN_BYTES * count
  if (payload.length < end) return `a part with fewer than ${count} runs`
  const runs: MemoryRange[] = []
  for (let at = COUNT_BYTES; at < end; at += RUN_BYTES)
    runs.push({ offset: payload.readUInt32BE(at) * PAGE_BYTES, length: payload.readUInt32BE(at + 4) * PAGE_BYTES })
  const data = payload.subarray(end)
  return faultOf(runs, data.length) ?? { runs, data }
}

function faultOf(runs: readonly MemoryRange[], dataBytes: number): string | null {
  if (dataBytes > EPOCH_PART_BYTES_MAX) return `a part of ${dataBytes} bytes`
  let [end, sum] = [0, 0]
  for (const { offset, length } of runs) {
    if (length === 0) return 'a run of no pages'
    if (offset < end) return 'runs that do not ascend'
    end = offset + length
    sum += length
  }
  if (end > MEMORY_BYTES_MAX) return 'a run beyond any memory'
  return sum === dataBytes ? null : `runs of ${sum} bytes for ${dataBytes}`
}

import type { FileHandle } from 'node:fs/promises'
import { assert } from '../../core/domain/assert'
import { PAGE_BYTES, type ChangedMemory, type ChangedPages, type MemoryRange } from '../../ports/changed-memory'
import { checkScan } from './memory-ranges'
import { OpenFile } from '../block/open-file'
import { failure } from '../system/system-error'

/** Read at once. Larger ones leave the processor's cache before they are compared. */
const PIECE_BYTES = 1024 * 1024
/** Most are the same: then one comparison does for sixteen pages. */
const CHUNK_BYTES = 64 * 1024

/** Without the addon: the file is read, not mapped, and compared on the loop. Several times slower, and right. */
export class PlainChangedMemory implements ChangedMemory {
  private readonly open: OpenFile
  private readonly copy: Buffer
  private readonly piece: Buffer
  private isScanning = false
  private isBroken = false

  constructor(
    private readonly file: FileHandle,
    readonly sizeBytes: number,
  ) {
    this.open = new OpenFile(file)
    this.copy = Buffer.alloc(sizeBytes)
    this.piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, sizeBytes))
  }

  async scan(ranges: readonly MemoryRange[], into: Buffer): Promise<ChangedPages> {
    assert(!this.isScanning, 'one scan at a time')
    checkScan(ranges, into, this.sizeBytes)
    if (this.isBroken) throw failure('EIO', 'the memory was lost before')
    this.isScanning = true
    const taking = new Taking(this.copy, into)
    try {
      const rest = await this.look(ranges, taking)
      const { size } = await this.file.stat()
      if (size !== this.sizeBytes) throw failure('EIO', `the memory has ${size} bytes now, not ${this.sizeBytes}`)
      return { parts: taking.parts(), rest }
    } catch (error) {
      this.isBroken = true
      throw error
    } finally {
      this.isScanning = false
    }
  }

  close(): Promise<void> {
    return this.open.close()
  }

  /** Answers what there was no room for. */
  private async look(ranges: readonly MemoryRange[], taking: Taking): Promise<readonly MemoryRange[]> {
    for (const [n, { offset, length }] of ranges.entries()) {
      const end = offset + length
      assert(
        offset >= 0 && end <= this.sizeBytes && offset % PAGE_BYTES === 0 && length % PAGE_BYTES === 0,
        'pages of the memory',
      )
      for (let at = offset; at < end; at += this.piece.length) {
        const piece = this.piece.subarray(0, Math.min(this.piece.length, end - at))
        await this.open.read(at, piece)
        const stopped = compare(piece, at, taking)
        if (stopped !== null) return [{ offset: stopped, length: end - stopped }, ...ranges.slice(n + 1)]
      }
    }
    return []
  }
}

/** Answers where it ended for want of room; null when it did not. */
function compare(piece: Buffer, offset: number, taking: Taking): number | null {
  for (let chunk = 0; chunk < piece.length; chunk += CHUNK_BYTES) {
    const past = Math.min(piece.length, chunk + CHUNK_BYTES)
    if (taking.isSame(offset + chunk, piece, chunk, past)) continue
    for (let at = chunk; at < past; at += PAGE_BYTES) {
      if (taking.isSame(offset + at, piece, at, at + PAGE_BYTES)) continue
      if (!taking.take(offset + at, piece.subarray(at, at + PAGE_BYTES))) return offset + at
    }
  }
  return null
}

/** What changed, on its way into the copy and into the room that was given. */
class Taking {
  private readonly runs: { offset: number; length: number }[] = []
  private filled = 0

  constructor(
    private readonly copy: Buffer,
    private readonly into: Buffer,
  ) {}

  isSame(offset: number, piece: Buffer, from: number, past: number): boolean {
    return this.copy.compare(piece, from, past, offset, offset + past - from) === 0
  }

  /** False when there is no room. */
  take(offset: number, page: Buffer): boolean {
    if (this.into.length - this.filled < PAGE_BYTES) return false
    page.copy(this.into, this.filled)
    page.copy(this.copy, offset)
    this.filled += PAGE_BYTES
    const last = this.runs.at(-1)
    if (last !== undefined && last.offset + last.length === offset) last.length += PAGE_BYTES
    else this.runs.push({ offset, length: PAGE_BYTES })
    return true
  }

  parts(): ChangedPages['parts'] {
    return this.filled === 0 ? [] : [{ runs: this.runs, bytes: this.into.subarray(0, this.filled) }]
  }
}

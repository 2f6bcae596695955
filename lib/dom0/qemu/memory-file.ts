import { strict as assert } from 'node:assert'
import { writeSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { ChangedPart } from '../../ports/changed-memory'
import { failure } from '../system/system-error'

/** Below this a write into tmpfs is over before a thread had begun it. */
const AT_ONCE_BYTES = 64 * 1024

/** The memory of a machine that waits. Rejects with the system's error: `ENOSPC` when the host has no room for it. */
export class MemoryFile {
  private constructor(
    private readonly file: FileHandle,
    private readonly sizeBytes: number,
  ) {}

  static async open(path: string, sizeBytes: number): Promise<MemoryFile> {
    const file = await open(path, 'r+')
    const { size } = await file.stat()
    if (size === sizeBytes) return new MemoryFile(file, sizeBytes)
    await file.close()
    throw failure('EINVAL', `a memory of ${sizeBytes} bytes has a file of ${size}`)
  }

  async write({ runs, bytes }: ChangedPart): Promise<void> {
    let at = 0
    for (const { offset, length } of runs) {
      assert(offset >= 0 && offset + length <= this.sizeBytes && at + length <= bytes.length, 'the pages are of this memory')
      for (let done = 0; done < length;) {
        const written = await this.put(bytes, at + done, length - done, offset + done)
        if (written === 0) throw failure('ENOSPC', 'the memory of a standby took no more bytes')
        done += written
      }
      at += length
    }
  }

  close(): Promise<void> {
    return this.file.close()
  }

  private async put(bytes: Buffer, at: number, length: number, offset: number): Promise<number> {
    if (length < AT_ONCE_BYTES) return writeSync(this.file.fd, bytes, at, length, offset)
    return (await this.file.write(bytes, at, length, offset)).bytesWritten
  }
}

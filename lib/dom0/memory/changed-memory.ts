import { randomBytes } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { getSystemErrorName } from 'node:util'
import { assert } from '../../core/domain/assert'
import { PAGE_BYTES, type ChangedMemory, type ChangedPages, type MemoryRange } from '../../ports/changed-memory'
import { PlainChangedMemory } from './changed-memory-plain'
import { checkScan, divide, divideRoom, pairs, runsOf } from './memory-ranges'
import { KEY_BYTES, loadNativeMemory, type NativeMapping, type NativeMemory } from './native-memory'
import { failure, textOf } from '../system/system-error'

/** One thread alone does not use all that the memory's bus can carry; the guest stands meanwhile, and leaves its processor. */
const LOOKS_MAX = 2
/** A thread is woken for no less. */
const LOOK_BYTES_MIN = 4 * 1024 * 1024
const RUNS_MAX = 16 * 1024

/** `path`: the file that the guest's machine has mapped. `native` null: in plain Node; see PlainChangedMemory. */
export async function openChangedMemory(path: string, native = loadNativeMemory()): Promise<ChangedMemory> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size === 0 || size % PAGE_BYTES !== 0) throw failure('EINVAL', `${path} has ${size} bytes, which is no memory of a guest`)
    return native === null ? new PlainChangedMemory(file, size) : new NativeChangedMemory(file, size, native)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** With the addon: mapped, digests of pages compared in threads, and holes of the file skipped. */
class NativeChangedMemory implements ChangedMemory {
  private readonly mapping: NativeMapping
  private readonly runs: Float64Array[] = []
  private looks = 0

  constructor(
    private readonly file: FileHandle,
    readonly sizeBytes: number,
    private readonly native: NativeMemory,
  ) {
    try {
      this.mapping = native.openMemory(file.fd, sizeBytes, randomBytes(KEY_BYTES))
    } catch (error) {
      throw failure('ENOMEM', textOf(error))
    }
  }

  async scan(ranges: readonly MemoryRange[], into: Buffer): Promise<ChangedPages> {
    assert(this.looks === 0, 'one scan at a time')
    checkScan(ranges, into, this.sizeBytes)
    const bytes = ranges.reduce((sum, { length }) => sum + length, 0)
    const count = Math.min(LOOKS_MAX, Math.ceil(bytes / LOOK_BYTES_MIN), Math.floor(into.length / PAGE_BYTES))
    const rooms = divideRoom(into, count)
    const looks = divide(ranges, count).map((share, n) => this.look(share, rooms[n] ?? into, n))
    // All of them: none may still be under way when the first has failed.
    const ended = await Promise.allSettled(looks)
    const found = ended.map((each) => {
      if (each.status === 'rejected') throw each.reason
      return each.value
    })
    return { parts: found.flatMap(({ parts }) => parts), rest: found.flatMap(({ rest }) => rest) }
  }

  close(): Promise<void> {
    this.native.closeMemory(this.mapping)
    return this.file.close()
  }

  private look(ranges: readonly MemoryRange[], into: Buffer, desk: number): Promise<ChangedPages> {
    const runs = (this.runs[desk] ??= new Float64Array(2 * RUNS_MAX))
    this.looks++
    return new Promise((resolve, reject) => {
      this.native.scan(this.mapping, pairs(ranges), runs, into, (errno, count, at, next) => {
        this.looks--
        if (errno !== 0) {
          reject(failure(getSystemErrorName(-errno), "the guest's memory cannot be read"))
          return
        }
        const found = runsOf(runs.subarray(0, count))
        const bytes = into.subarray(
          0,
          found.reduce((sum, { length }) => sum + length, 0),
        )
        const [first, ...others] = ranges.slice(at / 2)
        const rest = first === undefined ? [] : [{ offset: next, length: first.offset + first.length - next }, ...others]
        resolve({ parts: found.length === 0 ? [] : [{ runs: found, bytes }], rest })
      })
    })
  }
}

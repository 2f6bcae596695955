import { constants, readSync } from 'node:fs'
import { open, statfs, type FileHandle } from 'node:fs/promises'
import { constants as system } from 'node:os'
import type { Extent } from '../../core/domain/extent'
import type { BlockDevice } from '../../ports/block-device'
import { allocateZeroes } from './block-file-space'
import { ChangeLane } from './change-lane'
import { deviceFacts } from '../replica/device-facts'
import { loadNativeIo, type NativeIo } from './native-io'
import { FileExtents } from '../replica/file-extents'
import { OpenFile } from './open-file'
import { codeOf, failure } from '../system/system-error'

export interface BlockFileOptions {
  /** A raw image or a block device. */
  readonly path: string
  readonly sizeBytes: number
  /** Makes a missing file, without taking space for it, and lengthens a shorter one. A longer one is refused either way. */
  readonly create: boolean
  /** Null: without. Default: what was built with the executable. */
  readonly native?: NativeIo | null
}

const { EOPNOTSUPP, ENOSYS } = system.errno
const DONE = Promise.resolve()
const ZEROES = Buffer.alloc(1024 * 1024)
/** A file system may take its time for more than this, and what waits in the lane would wait as well: it gets its turn between two. */
const ZERO_PIECE_BYTES = 4 * 1024 * 1024
/** More than a guest asks for at once is for a replica that nobody uses yet. */
const ZERO_PIECES_MAX = 1024
/** Of tmpfs, in statfs(2): no disk is ever waited for. */
const TMPFS = 0x01021994
/** Copying more takes so long that the loop has better things to do. */
const READ_NOW_BYTES_MAX = 128 * 1024

/** A replica in a file. Rejects with the system's error, `ESIZE` when the image is not as large as it should be. */
export async function openBlockFile(options: BlockFileOptions): Promise<BlockDevice> {
  const { path, sizeBytes, create, native = loadNativeIo() } = options
  const handle = await open(path, constants.O_RDWR | (create ? constants.O_CREAT : 0), 0o600)
  try {
    await checkSize(handle, options)
    const isInMemory = (await statfs(path)).type === TMPFS
    return new BlockFile(new OpenFile(handle), sizeBytes, native, isInMemory)
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function checkSize(handle: FileHandle, { path, sizeBytes, create }: BlockFileOptions): Promise<void> {
  const stat = await handle.stat()
  const actual = stat.isBlockDevice() ? (await deviceFacts(stat)).sizeBytes : stat.size
  if (create && stat.isFile() && actual < sizeBytes) await handle.truncate(sizeBytes)
  else if (actual !== sizeBytes) throw failure('ESIZE', `${path} has ${actual} bytes instead of ${sizeBytes}`)
}

class BlockFile implements BlockDevice {
  private readonly lane: ChangeLane | null
  /** A flush takes its time, and no write is to wait for it. */
  private readonly flushes: ChangeLane | null
  private readonly found: FileExtents
  private closed: Promise<void> | null = null
  /** After one failed flush the kernel may report the next as good although the data is lost: the device stays failed. */
  private flushFailed = false
  /** The file system cannot say what is in memory. */
  private asksForAll = false

  constructor(
    private readonly file: OpenFile,
    readonly sizeBytes: number,
    private readonly native: NativeIo | null,
    private readonly isInMemory: boolean,
  ) {
    this.found = new FileExtents(file)
    this.lane = native === null ? null : new ChangeLane(native, file.fd)
    this.flushes = native === null ? null : new ChangeLane(native, file.fd)
  }

  read(offset: number, into: Buffer): Promise<void> {
    const objection = this.objection(offset, into.length)
    if (objection !== null) return Promise.reject(objection)
    const done = this.readNow(offset, into)
    if (done === into.length) return DONE
    return done === 0 ? this.file.read(offset, into) : this.file.read(offset + done, into.subarray(done))
  }

  write(offset: number, data: Buffer, mayWait = false): Promise<void> {
    const objection = this.objection(offset, data.length)
    if (objection !== null) return Promise.reject(objection)
    return this.lane?.write(offset, data, mayWait) ?? this.file.write(offset, data)
  }

  /** `punch` gives the space back where the file system can. Whatever it can, the range reads as zeroes afterwards. */
  async zero(offset: number, length: number, punch: boolean): Promise<void> {
    const objection = this.objection(offset, length)
    if (objection !== null) throw objection
    if (length === 0 || (await this.fileSystemZeroes(offset, length, punch))) return
    for (let done = 0; done < length; done += ZEROES.length) {
      await this.write(offset + done, ZEROES.subarray(0, Math.min(ZEROES.length, length - done)))
    }
  }

  async flush(mayWait = false): Promise<void> {
    if (this.flushFailed) throw failure('EIO', 'an earlier flush failed')
    try {
      if (this.closed !== null) throw failure('EBADF', 'the replica is closed')
      await (this.flushes?.flush(mayWait) ?? this.file.flush())
    } catch (error) {
      this.flushFailed = true
      throw error
    }
  }

  /** A flush may take its time, so what waits for one that has not ended does not wait for the next occasion as well. */
  collect(hurry: boolean): void {
    this.lane?.collect(hurry)
    this.flushes?.collect(true)
  }

  async extents(offset: number, length: number, one: boolean): Promise<readonly Extent[]> {
    return this.objection(offset, length) === null ? this.found.between(offset, offset + length, one) : []
  }

  /** After what is under way. */
  close(): Promise<void> {
    this.closed ??= Promise.all([this.lane?.close(), this.flushes?.close(), this.file.quiet()]).then(() => this.file.close())
    return this.closed
  }

  /** How many bytes were in memory. What became of the others is found out by asking the disk. */
  private readNow(offset: number, into: Buffer): number {
    if (into.length > READ_NOW_BYTES_MAX) return 0
    if (this.isInMemory) return this.readFromMemory(offset, into)
    if (this.native === null || this.asksForAll) return 0
    const count = this.native.readNow(this.file.fd, offset, into)
    if (count === -EOPNOTSUPP || count === -ENOSYS) this.asksForAll = true
    return Math.max(0, count)
  }

  private readFromMemory(offset: number, into: Buffer): number {
    try {
      return readSync(this.file.fd, into, 0, into.length, offset)
    } catch (error) {
      if (codeOf(error) === '') throw error
      return 0
    }
  }

  private async fileSystemZeroes(offset: number, length: number, punch: boolean): Promise<boolean> {
    if (this.lane === null) return length > ZERO_PIECE_BYTES && allocateZeroes(this.file.fd, offset, length, punch)
    const piece = ZERO_PIECE_BYTES * Math.ceil(length / (ZERO_PIECE_BYTES * ZERO_PIECES_MAX))
    try {
      for (let at = offset, end = 0; end < offset + length; at = end) {
        // Where pieces meet no block is to be in two of them.
        end = Math.min(offset + length, (Math.floor(at / piece) + 1) * piece)
        const zeroed = this.closed === null ? this.lane.zero(at, end - at, punch) : null
        if (zeroed === null) return false
        await zeroed
      }
      return true
    } catch (error) {
      // Anything else is said of the call and not of the disk: not supported, not on this kind of file, not at this alignment.
      if (['EIO', 'ENOSPC', ''].includes(codeOf(error))) throw error
      return false
    }
  }

  /** A closed file's number may be another file's. */
  private objection(offset: number, length: number): Error | null {
    if (this.closed !== null) return failure('EBADF', 'the replica is closed')
    const isInside = Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= this.sizeBytes
    return isInside ? null : failure('EINVAL', `${length} bytes at ${offset} are not inside ${this.sizeBytes}`)
  }
}

import { constants } from 'node:fs'
import { open, readFile, type FileHandle } from 'node:fs/promises'
import type { BlockDevice } from '../ports/block-device'
import { allocateZeroes } from './block-file-space'

export interface BlockFileOptions {
  /** A raw image or a block device. */
  readonly path: string
  readonly sizeBytes: number
  /** Makes a missing file, without taking space for it, and lengthens a shorter one. A longer one is refused either way. */
  readonly create: boolean
}

const ZEROES = Buffer.alloc(1024 * 1024)
/** Below this, writing zeroes is cheaper than starting a process. */
const SPACE_CALL_BYTES_MIN = 4 * 1024 * 1024

/** A replica in a file. Rejects with the system's error, `ESIZE` when the image is not as large as it should be. */
export async function openBlockFile(options: BlockFileOptions): Promise<BlockDevice> {
  const { path, sizeBytes, create } = options
  const handle = await open(path, constants.O_RDWR | (create ? constants.O_CREAT : 0), 0o600)
  try {
    await checkSize(handle, options)
  } catch (error) {
    await handle.close()
    throw error
  }
  return new BlockFile(handle, sizeBytes)
}

async function checkSize(handle: FileHandle, { path, sizeBytes, create }: BlockFileOptions): Promise<void> {
  const stat = await handle.stat()
  const actual = stat.isBlockDevice() ? await deviceSizeBytes(stat.rdev) : stat.size
  if (create && stat.isFile() && actual < sizeBytes) await handle.truncate(sizeBytes)
  else if (actual !== sizeBytes) throw failure('ESIZE', `${path} has ${actual} bytes instead of ${sizeBytes}`)
}

/** The kernel counts in sectors of 512 bytes, whatever the disk's own are. */
async function deviceSizeBytes(rdev: number): Promise<number> {
  const major = (rdev >> 8) & 0xfff
  const minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00)
  return 512 * Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8'))
}

const failure = (code: string, text: string): Error => Object.assign(new Error(`${code}: ${text}`), { code })

class BlockFile implements BlockDevice {
  /** After one failed flush the kernel may report the next as good although the data is lost: the device stays failed. */
  private flushFailed = false

  constructor(
    private readonly handle: FileHandle,
    readonly sizeBytes: number,
  ) {}

  async read(offset: number, into: Buffer): Promise<void> {
    this.checkRange(offset, into.length)
    let done = 0
    while (done < into.length) {
      const { bytesRead } = await this.handle.read(into, done, into.length - done, offset + done)
      if (bytesRead === 0) throw failure('EIO', `the replica ends at ${offset + done}`)
      done += bytesRead
    }
  }

  async write(offset: number, data: Buffer): Promise<void> {
    this.checkRange(offset, data.length)
    let done = 0
    while (done < data.length) {
      const { bytesWritten } = await this.handle.write(data, done, data.length - done, offset + done)
      if (bytesWritten === 0) throw failure('EIO', `nothing was written at ${offset + done}`)
      done += bytesWritten
    }
  }

  /** `punch` gives the space back where the file system can. Whatever it can, the range reads as zeroes afterwards. */
  async zero(offset: number, length: number, punch: boolean): Promise<void> {
    this.checkRange(offset, length)
    if (length >= SPACE_CALL_BYTES_MIN && (await allocateZeroes(this.handle.fd, offset, length, punch))) return
    for (let done = 0; done < length; done += ZEROES.length) {
      await this.write(offset + done, ZEROES.subarray(0, Math.min(ZEROES.length, length - done)))
    }
  }

  async flush(): Promise<void> {
    if (this.flushFailed) throw failure('EIO', 'an earlier flush failed')
    try {
      await this.handle.datasync()
    } catch (error) {
      this.flushFailed = true
      throw error
    }
  }

  close(): Promise<void> {
    return this.handle.close()
  }

  private checkRange(offset: number, length: number): void {
    const inside = Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= this.sizeBytes
    if (!inside) throw failure('EINVAL', `${length} bytes at ${offset} are not inside ${this.sizeBytes}`)
  }
}

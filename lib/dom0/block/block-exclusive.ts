import { constants } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import type { BlockDevice } from '../../ports/block-device'
import { openBlockFile } from './block-file'
import { deviceFacts } from '../replica/device-facts'
import { failure } from '../system/system-error'

/**
 * A block device that nobody else may use: the kernel refuses it with `EBUSY` while it is mounted, swapped to, or part of another
 * device, and refuses all that to others while it is open here. `ENOTBLK` when it is something else, `EROFS` when it cannot
 * be written, `ESIZE` when it is not as large as it should be, or the system's error.
 */
export async function openExclusive(path: string, sizeBytes: number): Promise<BlockDevice> {
  // Before it is opened: opening a watchdog, say, has consequences.
  if (!(await stat(path)).isBlockDevice()) throw failure('ENOTBLK', `${path} is not a block device`)
  const claim = await open(path, constants.O_RDWR | constants.O_EXCL)
  try {
    if ((await deviceFacts(await claim.stat())).isReadOnly) throw failure('EROFS', `${path} cannot be written`)
    return new Exclusive(await openBlockFile({ path, sizeBytes, create: false }), claim)
  } catch (error) {
    await claim.close()
    throw error
  }
}

class Exclusive implements BlockDevice {
  constructor(
    private readonly device: BlockDevice,
    private readonly claim: FileHandle,
  ) {}

  get sizeBytes(): number {
    return this.device.sizeBytes
  }

  read(offset: number, into: Buffer): Promise<void> {
    return this.device.read(offset, into)
  }

  write(offset: number, data: Buffer, mayWait?: boolean): Promise<void> {
    return this.device.write(offset, data, mayWait)
  }

  zero(offset: number, length: number, punch: boolean): Promise<void> {
    return this.device.zero(offset, length, punch)
  }

  flush(mayWait?: boolean): Promise<void> {
    return this.device.flush(mayWait)
  }

  collect(hurry: boolean): void {
    this.device.collect?.(hurry)
  }

  async close(): Promise<void> {
    try {
      await this.device.close()
    } finally {
      await this.claim.close()
    }
  }
}

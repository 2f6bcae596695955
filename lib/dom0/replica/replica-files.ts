import { constants } from 'node:fs'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, failure } from '../system/system-error'

/**
 * The few calls that metadata is kept with, so that tests can stop between any two of them. All reject with the system's error.
 * A name that was made, renamed or removed stays so after a crash once its folder was synced.
 */
export interface Files {
  openIfThere(path: string): Promise<OpenFile | null>
  /** Empty, and readable by root alone. */
  make(path: string): Promise<OpenFile>
  rename(from: string, to: string): Promise<void>
  /** Nothing happens when there is none. */
  remove(path: string): Promise<void>
  syncFolderOf(path: string): Promise<void>
}

export interface OpenFile {
  /** Shorter than asked where the file ends. */
  read(offset: number, length: number): Promise<Buffer>
  write(offset: number, data: Buffer): Promise<void>
  /** On stable storage when it resolves; says nothing of earlier writes. */
  writeThrough(offset: number, data: Buffer): Promise<void>
  /** Everything written before is on stable storage when it resolves. */
  sync(): Promise<void>
  close(): Promise<void>
}

export const systemFiles: Files = {
  openIfThere: async (path) => {
    try {
      return new SystemFile(path, await open(path, constants.O_RDWR))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    }
  },
  make: async (path) => new SystemFile(path, await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC, 0o600)),
  rename,
  remove: (path) => rm(path, { force: true }),
  syncFolderOf: async (path) => {
    const folder = await open(dirname(path), 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  },
}

class SystemFile implements OpenFile {
  /** One call to the kernel instead of two, which also leaves alone what else is waiting to be written. */
  private through: Promise<FileHandle> | null = null

  constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  async read(offset: number, length: number): Promise<Buffer> {
    const into = Buffer.alloc(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await this.handle.read(into, done, length - done, offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return into.subarray(0, done)
  }

  write(offset: number, data: Buffer): Promise<void> {
    return writeAll(this.handle, offset, data)
  }

  async writeThrough(offset: number, data: Buffer): Promise<void> {
    this.through ??= open(this.path, constants.O_WRONLY | constants.O_DSYNC)
    await writeAll(await this.through, offset, data)
  }

  /** The size counts as data, so a file that grew is whole. */
  sync(): Promise<void> {
    return this.handle.datasync()
  }

  async close(): Promise<void> {
    const [through] = await Promise.allSettled([this.through])
    if (through.status === 'fulfilled') await through.value?.close()
    await this.handle.close()
  }
}

async function writeAll(handle: FileHandle, offset: number, data: Buffer): Promise<void> {
  let done = 0
  while (done < data.length) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, offset + done)
    if (bytesWritten === 0) throw failure('EIO', `nothing was written at ${offset + done}`)
    done += bytesWritten
  }
}

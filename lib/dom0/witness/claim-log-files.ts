import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { failure, codeOf } from '../system/system-error'

/** The few calls that the claim log is kept with, so that a test can let each of them fail. All reject with the system's error. */
export interface ClaimFiles {
  /** Null: there is none. */
  read(path: string): Promise<Buffer | null>
  open(path: string): Promise<ClaimFile>
  /** Empty, and readable by its owner alone. */
  make(path: string): Promise<ClaimFile>
  rename(from: string, to: string): Promise<void>
  /** Nothing happens when there is none. */
  remove(path: string): Promise<void>
  /** The names in it are on stable storage when it resolves. */
  syncFolder(path: string): Promise<void>
}

export interface ClaimFile {
  /** When it rejects a part may have been written. */
  write(data: Buffer, at: number): Promise<void>
  truncate(bytes: number): Promise<void>
  /** What was written is on stable storage when it resolves. */
  sync(): Promise<void>
  close(): Promise<void>
}

export const systemClaimFiles: ClaimFiles = {
  read: async (path) => {
    try {
      return await readFile(path)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    }
  },
  open: async (path) => fileOf(await open(path, 'r+')),
  make: async (path) => fileOf(await open(path, 'w', 0o600)),
  rename,
  remove: (path) => rm(path, { force: true }),
  syncFolder: async (path) => {
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  },
}

const fileOf = (handle: FileHandle): ClaimFile => ({
  write: async (data, at) => {
    for (let done = 0; done < data.length;) {
      const { bytesWritten } = await handle.write(data, done, data.length - done, at + done)
      if (bytesWritten === 0) throw failure('EIO', `nothing was written at ${at + done}`)
      done += bytesWritten
    }
  },
  truncate: (bytes) => handle.truncate(bytes),
  // The size counts as data, so a file that grew is whole.
  sync: () => handle.datasync(),
  close: () => handle.close(),
})

/** The file is whole under its name, or not there, whenever the power fails. Rejects with the system's error. */
export async function writeWhole(
  files: ClaimFiles,
  folder: string,
  [path, fresh]: readonly [string, string],
  data: Buffer,
): Promise<void> {
  await writeFresh(files, fresh, data)
  await putInPlace(files, folder, [path, fresh])
}

export async function writeFresh(files: ClaimFiles, fresh: string, data: Buffer): Promise<void> {
  const file = await files.make(fresh)
  try {
    await file.write(data, 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

export async function putInPlace(files: ClaimFiles, folder: string, [path, fresh]: readonly [string, string]): Promise<void> {
  await files.rename(fresh, path)
  await files.syncFolder(folder)
}

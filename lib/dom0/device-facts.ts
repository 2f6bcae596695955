import type { Stats } from 'node:fs'
import { readFile } from 'node:fs/promises'

export interface DeviceFacts {
  readonly sizeBytes: number
  /** The kernel lets one be opened for writing, and refuses the writes. */
  readonly isReadOnly: boolean
}

/** What the kernel says of an open or named block device. Rejects with the system's error. */
export async function deviceFacts({ rdev }: Stats): Promise<DeviceFacts> {
  const major = (rdev >> 8) & 0xfff
  const minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00)
  const fact = (name: string): Promise<string> => readFile(`/sys/dev/block/${major}:${minor}/${name}`, 'utf8')
  // It counts in sectors of 512 bytes, whatever the disk's own are.
  return { sizeBytes: 512 * Number(await fact('size')), isReadOnly: Number(await fact('ro')) !== 0 }
}

import type { Stats } from 'node:fs'
import { readFile } from 'node:fs/promises'

export interface DeviceFacts {
  readonly sizeBytes: number
  /** The kernel lets one be opened for writing, and refuses the writes. */
  readonly isReadOnly: boolean
}

/** Where the kernel tells of a block device. */
export const factsFolder = ({ rdev }: Stats): string =>
  `/sys/dev/block/${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`

/** What the kernel says of an open or named block device. Rejects with the system's error. */
export async function deviceFacts(device: Stats): Promise<DeviceFacts> {
  const fact = (name: string): Promise<string> => readFile(`${factsFolder(device)}/${name}`, 'utf8')
  // It counts in sectors of 512 bytes, whatever the disk's own are.
  return { sizeBytes: 512 * Number(await fact('size')), isReadOnly: Number(await fact('ro')) !== 0 }
}

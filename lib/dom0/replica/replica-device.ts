import { readFile, stat } from 'node:fs/promises'
import type { ReplicaSource } from '../../wire/replica-source'
import { factsFolder } from './device-facts'
import { codeOf } from '../system/system-error'

/** What tells one block device from another. */
export interface DeviceNames {
  /** The kernel's number of this coming of it, which no other one gets; '' where kernels do not count. */
  readonly coming: string
  /** The same at each coming; '' where the device has none. */
  readonly name: string
}

/** In this order: what lies above a disk is known by a name of its own. */
const NAMES = ['dm/uuid', 'md/uuid', 'loop/backing_file', 'wwid', 'device/wwid', 'serial']

/**
 * Null for what is no block device: a file has its metadata beside it, and of an NBD server nothing is known. Rejects with the system's
 * error.
 */
export async function deviceNames(source: ReplicaSource): Promise<DeviceNames | null> {
  if (source.kind === 'nbd') return null
  const found = await stat(source.path)
  if (!found.isBlockDevice()) return null
  const folder = factsFolder(found)
  const partition = await factAt(folder, 'partition')
  // The folder is a link to one inside the disk's.
  const disk = partition === '' ? folder : `${folder}/..`
  const names = await Promise.all(NAMES.map(async (fact) => ({ fact, text: await factAt(disk, fact) })))
  const own = names.find(({ text }) => text !== '')
  return {
    coming: await factAt(disk, 'diskseq'),
    name: own === undefined ? '' : `${own.fact} ${own.text}${partition === '' ? '' : ` partition ${partition}`}`,
  }
}

/** Certainly not the same device. One that nothing is known of may be any. */
export const isAnother = (before: DeviceNames, now: DeviceNames): boolean =>
  (before.coming === '' || before.coming !== now.coming) && before.name !== '' && now.name !== '' && before.name !== now.name

async function factAt(folder: string, fact: string): Promise<string> {
  try {
    return (await readFile(`${folder}/${fact}`, 'utf8')).trim()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EINVAL', 'ENODEV', 'ENXIO'].includes(codeOf(error))) return ''
    throw error
  }
}

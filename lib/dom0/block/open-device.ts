import { stat } from 'node:fs/promises'
import type { BlockDevice } from '../../ports/block-device'
import type { ReplicaSource } from '../../wire/replica-source'
import { openExclusive } from './block-exclusive'
import { openBlockFile } from './block-file'
import { openBlockNbd } from '../nbd-client/block-nbd'
import { codeOf } from '../system/system-error'

/**
 * Opens the bytes of a replica. `create` makes a missing image and lengthens a shorter one; devices and NBD servers are never
 * made. Rejects with `ENOENT` (no such image or device), `ESIZE` (larger or smaller than `sizeBytes`), and the codes of
 * `openExclusive` for a block device, whichever way its path was given, and of `openBlockNbd`.
 */
export async function openDevice(source: ReplicaSource, sizeBytes: number, create: boolean): Promise<BlockDevice> {
  if (source.kind === 'nbd') return openBlockNbd(source, sizeBytes)
  if (source.kind === 'device' || (await isBlockDevice(source.path))) return openExclusive(source.path, sizeBytes)
  return openBlockFile({ path: source.path, sizeBytes, create })
}

async function isBlockDevice(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isBlockDevice()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

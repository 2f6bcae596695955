import { stat } from 'node:fs/promises'
import type { ReplicaSource } from '../../wire/replica-source'
import { codeOf } from '../system/system-error'

/** Bytes of an image file; `'fixed'`: what opens it knows its size, and it can be neither made nor lengthened. */
export type ImageSize = number | 'fixed' | 'missing'

export async function imageSize(source: ReplicaSource): Promise<ImageSize> {
  if (source.kind === 'nbd') return 'fixed'
  try {
    const found = await stat(source.path)
    return found.isBlockDevice() ? 'fixed' : found.size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'missing'
    throw error
  }
}

import { readFile, realpath, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { ReplicaMetadata } from '../../core/domain/volume'
import { systemFiles } from '../replica-files'
import { replicaMetadata } from '../replica-metadata'
import { codeOf } from '../system-error'

export interface ReplicaAsFound {
  /** Bytes of the image or device; null: there is none. */
  readonly sizeBytesFound: number | null
  /** Nothing was ever written to it. */
  readonly isBlank: boolean
  readonly metadata: ReplicaMetadata | null | 'damaged' | 'newer'
}

/** What is at the place of a replica. Nothing is changed. Rejects with the system's error when it cannot be looked at. */
export async function lookAtReplica(path: string, metadataPath: string): Promise<ReplicaAsFound> {
  return { ...(await imageAt(path)), metadata: await metadataAt(metadataPath) }
}

async function imageAt(path: string): Promise<Omit<ReplicaAsFound, 'metadata'>> {
  try {
    const found = await stat(path)
    if (found.isBlockDevice()) return { sizeBytesFound: await deviceBytes(path), isBlank: false }
    // What a crash leaves of an image that was being made.
    if (found.size === 0) return { sizeBytesFound: null, isBlank: true }
    return { sizeBytesFound: found.size, isBlank: found.blocks === 0 }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return { sizeBytesFound: null, isBlank: true }
  }
}

/** The kernel counts in sectors of 512 bytes, whatever the disk's own are. */
const deviceBytes = async (path: string): Promise<number> =>
  512 * Number(await readFile(`/sys/class/block/${basename(await realpath(path))}/size`, 'utf8'))

async function metadataAt(path: string): Promise<ReplicaAsFound['metadata']> {
  try {
    return (await replicaMetadata(systemFiles, path).load())?.metadata ?? null
  } catch (error) {
    if (codeOf(error) === 'METADATA_DAMAGED') return 'damaged'
    if (codeOf(error) === 'METADATA_NEWER') return 'newer'
    throw error
  }
}

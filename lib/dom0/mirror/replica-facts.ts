import { constants, lstatSync } from 'node:fs'
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { ReplicaMetadata } from '../../core/domain/volume'
import type { ReplicaSource } from '../../wire/replica-source'
import { sizeOfNbd } from '../nbd-client/block-nbd'
import { openDevice } from '../block/open-device'
import { replicaMetadata } from '../replica/replica-metadata'
import { codeOf, failure } from '../system/system-error'
import { lookingFiles } from './looking-files'

export interface ReplicaAsFound {
  /** Bytes of the image or device; null: there is none. */
  readonly sizeBytesFound: number | null
  /** Nothing was ever written to it. */
  readonly isBlank: boolean
  readonly metadata: ReplicaMetadata | null | 'damaged' | 'newer'
}

/**
 * What is at the place of a replica, whose files of metadata begin with `metadataBase`. Nothing is changed. Rejects with the
 * codes of `openDevice` when it will not be usable.
 */
export async function lookAtReplica(source: ReplicaSource, metadataBase: string): Promise<ReplicaAsFound> {
  const found = source.kind === 'file' ? await imageAt(source.path) : await deviceAt(source)
  return { ...found, metadata: await metadataAt(metadataBase) }
}

type Bytes = Omit<ReplicaAsFound, 'metadata'>
const NONE: Bytes = { sizeBytesFound: null, isBlank: true }

async function imageAt(path: string): Promise<Bytes> {
  try {
    const found = await stat(path)
    if (found.isBlockDevice()) throw failure('EINVAL', 'a block device is written dev:PATH')
    if (!found.isFile()) throw failure('EINVAL', `${path} is not a file`)
    await access(path, constants.R_OK | constants.W_OK)
    // What a crash leaves of an image that was being made.
    return found.size === 0 ? NONE : { sizeBytesFound: found.size, isBlank: found.blocks === 0 }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw failure('ENOENT', `${path} is a link that leads nowhere`)
    await access(dirname(path), constants.W_OK | constants.X_OK)
    return NONE
  }
}

/** Opened once: one that is mounted or served by somebody else is of no use. */
async function deviceAt(source: Exclude<ReplicaSource, { kind: 'file' }>): Promise<Bytes> {
  const sizeBytesFound = source.kind === 'nbd' ? await sizeOfNbd(source) : await sizeOfDevice(source.path)
  const device = await openDevice(source, sizeBytesFound, false)
  await device.close()
  return { sizeBytesFound, isBlank: false }
}

/** The kernel counts in sectors of 512 bytes, whatever the disk's own are. */
async function sizeOfDevice(path: string): Promise<number> {
  if (!(await stat(path)).isBlockDevice()) throw failure('ENOTBLK', `${path} is not a block device`)
  return 512 * Number(await readFile(`/sys/class/block/${basename(await realpath(path))}/size`, 'utf8'))
}

async function metadataAt(base: string): Promise<ReplicaAsFound['metadata']> {
  try {
    return (await replicaMetadata(lookingFiles, base).load())?.metadata ?? null
  } catch (error) {
    if (codeOf(error) === 'METADATA_DAMAGED') return 'damaged'
    if (codeOf(error) === 'METADATA_NEWER') return 'newer'
    throw error
  }
}

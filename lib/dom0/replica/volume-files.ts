import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, truncate } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { VolumeKey } from '../../core/domain/ids'
import type { VolumeRecord } from '../../core/domain/volume'
import type { Log } from '../../ports/log'
import type { VolumeStore } from '../../ports/volume-store'
import { KEPT_PREFIX } from './keep-aside'
import { openReplica } from './open-replica'
import { codeOf } from '../system/system-error'

const BLOCK_OF_STAT_BYTES = 512

export const catalogueOf = (path: string): string => join(path, 'catalogue')

/**
 * An SR's folder: `catalogue/KEY.json` for every volume of the pool's SR, `KEY/disk.raw` and its metadata for those that have a
 * replica on this host.
 */
export function volumeFiles(path: string, log: Log): VolumeStore {
  const catalogue = catalogueOf(path)
  const folder = (key: VolumeKey): string => join(path, key)
  const imagePath = (key: VolumeKey): string => join(folder(key), 'disk.raw')
  return {
    imagePath,
    load: async () => {
      const records: VolumeRecord[] = []
      for (const name of await namesIn(catalogue, log)) {
        if (!name.endsWith('.json')) continue
        const record = await recordIn(join(catalogue, name), log)
        if (record !== null) records.push(record)
      }
      return records
    },
    save: async (record) => {
      await mkdir(catalogue, { recursive: true, mode: 0o700 })
      await writeDurably(join(catalogue, `${record.key}.json`), JSON.stringify(record))
      // The worker makes the image itself; a missing folder would look like a failed disk to it.
      await mkdir(folder(record.key), { recursive: true, mode: 0o700 })
    },
    makeFirstReplica: async ({ key, sizeBytes }) => {
      await mkdir(folder(key), { recursive: true, mode: 0o700 })
      const replica = await openReplica({ key, sizeBytes, path: imagePath(key) }, true)
      await replica.save({ state: 'up-to-date' })
      await replica.close()
    },
    dropReplica: (key) => rm(folder(key), { recursive: true, force: true }),
    resize: (key, sizeBytes) => truncate(imagePath(key), sizeBytes),
    space: async () => {
      await mkdir(path, { recursive: true, mode: 0o700 })
      const { blocks, bavail, bsize } = await statfs(path)
      return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
    },
    usedBytes: async (key) => {
      try {
        return (await stat(imagePath(key))).blocks * BLOCK_OF_STAT_BYTES
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return 0
        throw error
      }
    },
    hasSetAside: async (key) => {
      try {
        return (await readdir(folder(key))).some((name) => name.startsWith(KEPT_PREFIX))
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return false
        throw error
      }
    },
  }
}

/** A disk that cannot be read has no records to give; the peers have them. */
async function namesIn(folder: string, log: Log): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') log.warn('catalogue cannot be read', { folder, error: String(error) })
    return []
  }
}

async function recordIn(file: string, log: Log): Promise<VolumeRecord | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (isRecord(value)) return value
    log.warn('not a record of a volume', { file })
  } catch (error) {
    log.warn('record of a volume cannot be read', { file: basename(file), error: String(error) })
  }
  return null
}

const isRecord = (value: unknown): value is VolumeRecord =>
  typeof value === 'object' &&
  value !== null &&
  'key' in value &&
  'version' in value &&
  'homes' in value &&
  Array.isArray(value.homes)

/** On stable storage, whole or not at all. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

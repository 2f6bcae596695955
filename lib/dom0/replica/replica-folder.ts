import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../system/system-error'

/**
 * Makes the folder of a file at `path` where a disk is mounted: an empty disk in the place of a failed one lacks it. On the root file
 * system nothing is made: while nothing is mounted there, replicas would fill it, and be hidden by the next mount. Rejects with
 * the system's error.
 */
export async function makeFolderOnDisk(path: string): Promise<void> {
  const folder = dirname(path)
  const [{ dev: root }, { dev: here, missing }] = await Promise.all([stat('/'), nearest(folder)])
  if (missing && here !== root) await mkdir(folder, { recursive: true, mode: 0o700 })
}

/** The file system that a folder is on, or would be. */
async function nearest(folder: string, missing = false): Promise<{ dev: number; missing: boolean }> {
  try {
    return { dev: (await stat(folder)).dev, missing }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return nearest(dirname(folder), true)
  }
}

/** The SR types of one host: the built-in ones and every volume plug-in found under xapi-storage-script's root, looked up at use. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiError } from '../contract'
import { errorCode } from '../error-code'
import { record, text } from '../values'
import { type StorageDriver } from './driver'
import { fileDriver } from './file-driver'
import { findScript, runScript } from './script'
import { scriptRoot, smapiDriver } from './smapi-driver'

export interface Drivers {
  types(): Promise<readonly string[]>
  /** Fails with SR_UNKNOWN_DRIVER. */
  driver(type: string): Promise<StorageDriver>
}

const BUILT_IN = ['file', 'ext']

async function foldersIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

export function createDrivers(root: string): Drivers {
  const volumes = join(scriptRoot(root), 'volume')
  /** Plug-in folder -> the type that Plugin.Query told, asked again when the folder changed. */
  const answered = new Map<string, { changedMs: number; type: string }>()

  async function typeOf(folder: string): Promise<string | undefined> {
    const path = join(volumes, folder)
    const { mtimeMs: changedMs } = await stat(path)
    const known = answered.get(folder)
    if (known?.changedMs === changedMs) return known.type
    const type = await queried(path)
    if (type !== undefined) answered.set(folder, { changedMs, type })
    return type
  }

  async function registered(): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const folder of await foldersIn(volumes)) {
      const type = await typeOf(folder)
      if (type !== undefined) found.set(type, folder)
    }
    return found
  }

  return {
    types: async () => [...BUILT_IN, ...(await registered()).keys()],
    driver: async (type) => {
      if (BUILT_IN.includes(type)) return fileDriver(root)
      const folder = (await registered()).get(type)
      if (folder === undefined) throw new ApiError('SR_UNKNOWN_DRIVER', type)
      return smapiDriver(root, folder)
    },
  }
}

/** A folder whose query fails is not registered, as with the real one; it is asked again at the next use. */
async function queried(path: string): Promise<string | undefined> {
  if ((await findScript(path, 'Plugin.Query')) === undefined) return undefined
  try {
    return text(record(await runScript(path, 'Plugin.Query', {}))['plugin'])
  } catch (error) {
    if (error instanceof ApiError || error instanceof TypeError) return undefined
    throw error
  }
}

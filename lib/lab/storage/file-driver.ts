/**
 * Plain local storage (SR types `file` and `ext`): a directory on one host, a volume is a sparse raw file with its name beside it.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, readFile, readdir, rename, rm, rmdir, stat, statfs, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiError } from '../contract'
import { errorCode } from '../error-code'
import { flag, fromJson, record, text } from '../values'
import { type Config, type StorageDriver, type Volume } from './driver'

const DISK = '.raw'
const LABEL = '.json'

interface Label {
  readonly name: string
  readonly description: string
  readonly sharable: boolean
}

const directoryOf = (uuid: string, config: Config): string => config['location'] ?? `/srv/sr/${uuid}`

const isMissing = (error: unknown): boolean => errorCode(error) === 'ENOENT'

async function readLabel(sr: string, key: string): Promise<Label> {
  const label = record(fromJson(JSON.parse(await readFile(join(sr, key + LABEL), 'utf8'))))
  return { name: text(label['name']), description: text(label['description']), sharable: flag(label['sharable']) }
}

async function writeLabel(sr: string, key: string, label: Label): Promise<void> {
  const path = join(sr, key + LABEL)
  await writeFile(`${path}.new`, JSON.stringify(label))
  await rename(`${path}.new`, path)
}

async function volume(sr: string, key: string): Promise<Volume> {
  try {
    const [file, label] = await Promise.all([stat(join(sr, key + DISK)), readLabel(sr, key)])
    const used = file.blocks * 512
    return { key, uuid: key, ...label, readWrite: true, virtualSize: file.size, physicalUtilisation: used, uri: [], keys: {} }
  } catch (error) {
    if (isMissing(error)) throw new ApiError('SR_BACKEND_FAILURE', 'FileVolumeMissing', '', `no volume ${key} in ${sr}`)
    throw error
  }
}

/** `root`: the host's root directory, prefixed to every path of a configuration. */
export function fileDriver(root: string): StorageDriver {
  const keysIn = async (sr: string): Promise<string[]> =>
    (await readdir(sr)).filter((name) => name.endsWith(DISK)).map((name) => name.slice(0, -DISK.length))
  return {
    create: async ({ uuid, config }) => {
      await mkdir(join(root, directoryOf(uuid, config)), { recursive: true })
      return { ...config, location: directoryOf(uuid, config) }
    },
    attach: async (uuid, config) => {
      const sr = join(root, directoryOf(uuid, config))
      await mkdir(sr, { recursive: true })
      return sr
    },
    detach: () => Promise.resolve(),
    destroy: async (sr) => {
      for (const key of await keysIn(sr)) {
        await rm(join(sr, key + DISK))
        await rm(join(sr, key + LABEL), { force: true })
      }
      await rmdir(sr)
    },
    usage: async (sr) => {
      const { bsize, blocks, bavail } = await statfs(sr)
      return { totalBytes: bsize * blocks, freeBytes: bsize * bavail }
    },
    list: async (sr) => Promise.all((await keysIn(sr)).map((key) => volume(sr, key))),
    createVolume: async (sr, { name, description, size, sharable }) => {
      const key = randomUUID()
      await writeLabel(sr, key, { name, description, sharable })
      await writeFile(join(sr, key + DISK), '', { flag: 'wx' })
      await truncate(join(sr, key + DISK), size)
      return volume(sr, key)
    },
    cloneVolume: async (sr, key) => {
      const label = await readLabel(sr, key)
      const copy = randomUUID()
      await writeLabel(sr, copy, label)
      await copyFile(join(sr, key + DISK), join(sr, copy + DISK), constants.COPYFILE_FICLONE)
      return volume(sr, copy)
    },
    destroyVolume: async (sr, key) => {
      await volume(sr, key)
      await rm(join(sr, key + DISK))
      await rm(join(sr, key + LABEL))
    },
    resizeVolume: async (sr, key, size) => {
      await volume(sr, key)
      await truncate(join(sr, key + DISK), size)
    },
    statVolume: volume,
    setName: async (sr, key, name) => writeLabel(sr, key, { ...(await readLabel(sr, key)), name }),
    setDescription: async (sr, key, description) => writeLabel(sr, key, { ...(await readLabel(sr, key)), description }),
    openDisk: async (sr, key) => {
      await volume(sr, key)
      const path = join(sr, key + DISK)
      return { source: { kind: 'file', path }, datapath: path }
    },
    closeDisk: () => Promise.resolve(),
  }
}

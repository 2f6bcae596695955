import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../ports/log'
import type { AttachedSr, SrRegistry } from '../../ports/volume-store'
import { catalogueOf, volumeFiles, writeDurably } from './volume-files'

/** `attached`: /run is empty after a boot, and xapi attaches them again. `remembered`: what is in it outlives the boot. */
export function srRegistry(folders: { readonly attached: string; readonly remembered: string }, log: Log): SrRegistry {
  const both = [folders.attached, folders.remembered]
  for (const folder of both) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const fileOf = (folder: string, sr: string): string => join(folder, `${sr}.json`)
  return {
    list: () => read(folders.attached),
    remembered: () => read(folders.remembered).filter(({ path }) => existsSync(catalogueOf(path))),
    add: async (sr, path) => {
      await mkdir(path, { recursive: true, mode: 0o700 })
      for (const folder of both) await writeDurably(fileOf(folder, sr), JSON.stringify({ sr, path }))
    },
    remove: async (sr) => {
      for (const folder of both) await rm(fileOf(folder, sr), { force: true })
    },
    open: (path) => volumeFiles(path, log),
  }
}

const read = (folder: string): AttachedSr[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as AttachedSr)

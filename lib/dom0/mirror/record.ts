import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fields, jsonObject, list, Malformed, text } from '../../wire/shape'
import { codeOf } from '../system/system-error'

/** `mirror.json` in the folder of a stand-alone mirror: the names behind the identifiers, and what was served last. */
export interface MirrorRecord {
  readonly name: string
  readonly host: string
  /** The other side's name; empty for a mirror of one. */
  readonly peer: string
  readonly replica: string
  /** unix:PATH or tcp:HOST:PORT */
  readonly listen: string
  /** Addresses on which this side has listened for its peer. */
  readonly link: readonly string[]
}

const LINKS_MAX = 64

/** Null when the folder has none. Throws Malformed. */
export function readMirrorRecord(folder: string): MirrorRecord | null {
  const found = readIfThere(join(folder, 'mirror.json'))
  if (found === null) return null
  const { format, ...rest } = jsonObject(found)
  if (format !== 1) throw new Malformed('mirror.json is of a later release')
  const record = fields(rest, 'mirror.json')
  return {
    name: text(record['name'], 'name'),
    host: text(record['host'], 'host'),
    peer: text(record['peer'], 'peer'),
    replica: text(record['replica'], 'replica', 16_384),
    listen: text(record['listen'], 'listen', 1000),
    link: list(record['link'], 'link', LINKS_MAX).map((address) => text(address, 'link')),
  }
}

export function writeMirrorRecord(folder: string, record: MirrorRecord): void {
  writeWhole(join(folder, 'mirror.json'), { format: 1, ...record })
}

/** The new text under this name, or still the old one. */
export function writeWhole(path: string, value: object): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 1)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return null
    throw error
  }
}

import { createHash } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isUuid, volumeKey } from '../core/domain/ids'
import type { Generations, ReplicaMetadata } from '../core/domain/volume'
import { codeOf } from './system-error'

/** What a replica knows of itself, kept so that a crash at any moment leaves the old or the new, never less. */
export interface MetadataStore {
  /**
   * Null when none was ever saved. Rejects with `code: 'METADATA_DAMAGED'` when no copy can be trusted, `'METADATA_NEWER'` when
   * a later release wrote it, or the system's error.
   */
  load(): Promise<ReplicaMetadata | null>
  /** On stable storage, in both copies, when it resolves; calls are carried out one after the other. */
  save(metadata: ReplicaMetadata): Promise<void>
  remove(): Promise<void>
}

/**
 * Two copies, `<image>.meta.json` and `<image>.meta.2.json`, each one line of JSON:
 *
 *     {"format": 1, "generation": 7, "metadata": {...}, "sha256": "<of generation, a space and metadata as JSON>"}
 *
 * A save replaces the first, then the second. The highest generation whose checksum is right counts.
 */
export function replicaMetadata(imagePath: string): MetadataStore {
  return new MetadataFiles([`${imagePath}.meta.json`, `${imagePath}.meta.2.json`])
}

export const NO_GENERATIONS: Generations = { current: '', bitmap: '', history: [] }

interface Copy {
  readonly generation: number
  readonly metadata: ReplicaMetadata
}

class MetadataFiles implements MetadataStore {
  private generation: number | null = null
  private last: Promise<unknown> = Promise.resolve()

  constructor(private readonly paths: readonly string[]) {}

  async load(): Promise<ReplicaMetadata | null> {
    const found = await Promise.all(this.paths.map(readIfThere))
    const texts = found.filter((text) => text !== null)
    const copies = texts.map(parseCopy).filter((copy) => copy !== null)
    const newest = copies.sort((a, b) => b.generation - a.generation)[0]
    if (newest === undefined && texts.length > 0)
      throw failure('METADATA_DAMAGED', `no copy of ${this.paths.join(', ')} is whole`)
    this.generation = newest?.generation ?? 0
    return newest?.metadata ?? null
  }

  save(metadata: ReplicaMetadata): Promise<void> {
    return this.inTurn(async () => {
      if (this.generation === null) await this.load()
      this.generation = (this.generation ?? 0) + 1
      const text = copyText({ generation: this.generation, metadata })
      for (const path of this.paths) await replace(path, text)
    })
  }

  remove(): Promise<void> {
    return this.inTurn(async () => {
      for (const path of this.paths) await rm(path, { force: true })
      this.generation = 0
    })
  }

  private inTurn(act: () => Promise<void>): Promise<void> {
    const mine = this.last.then(act)
    // Whoever called hears of a failure; the next call does not.
    this.last = mine.catch(() => undefined)
    return mine
  }
}

const failure = (code: string, text: string): Error => Object.assign(new Error(`${code}: ${text}`), { code })

const checksum = (generation: number, metadata: unknown): string =>
  createHash('sha256')
    .update(`${generation} ${JSON.stringify(metadata)}`)
    .digest('hex')

const copyText = ({ generation, metadata }: Copy): string =>
  JSON.stringify({ format: 1, generation, metadata, sha256: checksum(generation, metadata) }) + '\n'

/** Null when the text is not what was once written. */
function parseCopy(text: string): Copy | null {
  const fields = fieldsOf(text)
  if (fields === null) return null
  const { format, generation, metadata, sha256 } = fields
  if (isCount(format) && format > 1) throw failure('METADATA_NEWER', `format ${format} is of a later release`)
  if (format !== 1 || !isCount(generation) || sha256 !== checksum(generation, metadata)) return null
  const checked = isObject(metadata) ? asMetadata(metadata) : null
  return checked === null ? null : { generation, metadata: checked }
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function asMetadata(fields: Readonly<Record<string, unknown>>): ReplicaMetadata | null {
  const { volume, replica, sizeBytes, term, state } = fields
  const generations = (fields['generations'] ?? NO_GENERATIONS) as Generations
  if (typeof volume !== 'string' || !isUuid(volume) || typeof replica !== 'string') return null
  if (!isCount(sizeBytes) || !isCount(term)) return null
  if (state !== 'up-to-date' && state !== 'inconsistent' && state !== 'outdated') return null
  return { volume: volumeKey(volume), replica, sizeBytes, term, state, generations }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** The new text is on stable storage under this name, or the old one still is. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

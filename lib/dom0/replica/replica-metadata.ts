import { assert } from '../../core/domain/assert'
import type { ReplicaMetadata } from '../../core/domain/volume'
import { removeForGood } from './replica-copies'
import type { Files } from './replica-files'
import { asGenerations, HEAD_FORMAT, headText, parseHead, type HeadCopy } from './replica-head'
import { codeOf, failure } from '../system/system-error'

/** What a replica knows of itself, kept so that a crash at any moment leaves the old or the new, never less. */
export interface MetadataStore {
  /**
   * What was saved last, with the format it was found in; on stable storage in both copies, except that an older format is left
   * as it is until the first save. Null when none was ever saved. Rejects with `code: 'METADATA_DAMAGED'` when every copy was read
   * and none can be trusted, `'METADATA_NEWER'` when a later release wrote it, or the system's error.
   */
  load(): Promise<Pick<HeadCopy, 'format' | 'metadata'> | null>
  /** The same as it is found, for good or not; nothing is changed. */
  look(): Promise<Pick<HeadCopy, 'format' | 'metadata'> | null>
  /** On stable storage, in both copies, when it resolves; calls are carried out one after the other. */
  save(metadata: ReplicaMetadata): Promise<void>
  /** For good when it resolves. */
  remove(): Promise<void>
}

/** Two copies, `<base>.meta.json` and `<base>.meta.2.json`. A save replaces the first, then the second; the highest seq counts. */
export function replicaMetadata(files: Files, base: string): MetadataStore {
  return new MetadataFiles(files, [`${base}.meta.json`, `${base}.meta.2.json`])
}

const TEXT_BYTES_MAX = 64 * 1024

class MetadataFiles implements MetadataStore {
  /** Null until it is known what is there. */
  private seq: number | null = null
  private last: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly files: Files,
    private readonly paths: readonly [string, string],
  ) {}

  look(): Promise<HeadCopy | null> {
    return this.inTurn(async () => newestOf(await this.texts(), this.paths))
  }

  load(): Promise<HeadCopy | null> {
    return this.inTurn(() => this.loadNow())
  }

  save(metadata: ReplicaMetadata): Promise<void> {
    assert(asGenerations(metadata.generations) !== null, 'generations are 16 hex digits, the history is short')
    return this.inTurn(async () => {
      if (this.seq === null) await this.loadNow()
      this.seq = (this.seq ?? 0) + 1
      await this.replaceAll(headText(this.seq, metadata))
    })
  }

  remove(): Promise<void> {
    return this.inTurn(async () => {
      await removeForGood(this.files, this.paths)
      this.seq = 0
    })
  }

  private async loadNow(): Promise<HeadCopy | null> {
    const newest = newestOf(await this.texts(), this.paths)
    this.seq = newest?.seq ?? 0
    // What a killed worker was saving, or what a flush failed for, may be in one copy or in the page cache alone.
    if (newest?.format === HEAD_FORMAT) await this.replaceAll(headText(newest.seq, newest.metadata))
    return newest
  }

  private texts(): Promise<Text[]> {
    return Promise.all(this.paths.map((path) => this.textAt(path)))
  }

  private async textAt(path: string): Promise<Text> {
    const file = await this.files.openIfThere(path)
    if (file === null) return null
    try {
      return (await file.read(0, TEXT_BYTES_MAX)).toString('utf8')
    } catch (error) {
      if (error instanceof Error && codeOf(error) === 'EIO') return error
      throw error
    } finally {
      await file.close()
    }
  }

  private async replaceAll(text: string): Promise<void> {
    try {
      for (const path of this.paths) await this.replace(path, text)
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT'].includes(codeOf(error)) || !(await this.overwriteAll(text))) throw error
    }
  }

  /** A replica on a full file system is still written to where it has space: its head must not be what fails it. */
  private async overwriteAll(text: string): Promise<boolean> {
    for (const path of this.paths) await this.files.remove(`${path}.new`)
    const [first, second] = this.paths
    // One that is not whole is made so before the other is touched.
    if (await this.isWhole(second)) return (await this.overwrite(first, second, text)) && this.overwrite(second, first, text)
    return (await this.overwrite(second, first, text)) && this.overwrite(first, second, text)
  }

  private async isWhole(path: string): Promise<boolean> {
    const text = await this.textAt(path)
    return typeof text === 'string' && typeof parseHead(text) === 'object'
  }

  /** In the space that the old text has. Torn by a crash it is no head any more, so the other copy must be whole meanwhile. */
  private async overwrite(path: string, other: string, text: string): Promise<boolean> {
    const file = (await this.isWhole(other)) ? await this.files.openIfThere(path) : null
    if (file === null) return false
    try {
      const old = await file.read(0, TEXT_BYTES_MAX)
      await file.write(0, Buffer.from(text.padEnd(old.length, '\n')))
      await file.sync()
      return true
    } finally {
      await file.close()
    }
  }

  /** The new text is on stable storage under this name, or the old one still is. */
  private async replace(path: string, text: string): Promise<void> {
    const file = await this.files.make(`${path}.new`)
    try {
      await file.write(0, Buffer.from(text))
      await file.sync()
    } finally {
      await file.close()
    }
    await this.files.rename(`${path}.new`, path)
    await this.files.syncFolderOf(path)
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.last.then(act)
    // Whoever called hears of a failure; the next call does not.
    this.last = mine.catch(() => undefined)
    return mine
  }
}

/** Of a copy; null where there is none, and why where it cannot be read. */
type Text = string | Error | null

/** Null when there is none. */
function newestOf(texts: readonly Text[], paths: readonly string[]): HeadCopy | null {
  const parsed = texts.filter((text) => typeof text === 'string').map(parseHead)
  const whole = parsed.filter((copy) => typeof copy === 'object').sort((a, b) => b.seq - a.seq)
  const isNewer = parsed.includes('newer') || (whole.length === 0 && parsed.includes('newer-maybe'))
  if (isNewer) throw failure('METADATA_NEWER', `a later release wrote ${paths.join(', ')}`)
  // It may be whole: a disk whose path fails for a moment says the same. A replica is not given up for that.
  const unread = texts.find((text) => text instanceof Error)
  if (whole[0] === undefined && unread !== undefined) throw unread
  if (whole[0] === undefined && parsed.length > 0) throw failure('METADATA_DAMAGED', `no copy of ${paths.join(', ')} is whole`)
  return whole[0] ?? null
}

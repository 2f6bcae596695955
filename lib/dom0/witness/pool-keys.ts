import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { isUuid } from '../../core/domain/ids'
import { codeOf, textOf } from '../system/system-error'

/** A key file or folder that cannot be used; `message`, which is both sentences, is for the operator. */
export class PoolKeyUnusable extends Error {
  override readonly name = 'PoolKeyUnusable'
  constructor(
    readonly reason: string,
    readonly todo: string,
  ) {
    super(`${reason} ${todo}`)
  }
}

const HEX_KEY = /^[0-9a-f]{64}$/i

/** 32 bytes in hex, in a file that only its owner may read. */
export function readPoolKey(path: string): Buffer {
  const text = reading(path, () => readFileSync(path, 'utf8')).trim()
  if ((statSync(path).mode & 0o077) !== 0) throw new PoolKeyUnusable(`${path} can be read by others.`, `Run: chmod 600 ${path}`)
  if (!HEX_KEY.test(text))
    throw new PoolKeyUnusable(
      `${path} must hold a key of 64 hex digits.`,
      'Make one, for both sides and the witness: openssl rand -hex 32',
    )
  return Buffer.from(text, 'hex')
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw new PoolKeyUnusable(
      `${path} cannot be read: ${textOf(error)}.`,
      'Name the file in which the key is: the same key on both sides and at the witness.',
    )
  }
}

/**
 * The keys of a witness. A file called `<pool uuid>.key` serves that pool; of files called otherwise there may be one, which
 * serves every pool without a key of its own. A folder is looked at again for each pool, so a pool can be added to a running
 * witness.
 */
export class PoolKeys {
  private readonly named = new Map<string, Buffer>()
  private readonly common: Buffer | null

  constructor(
    files: readonly string[],
    private readonly folder: string | null,
  ) {
    const unnamed = files.filter((file) => poolNamed(file) === null)
    if (unnamed.length > 1)
      throw new PoolKeyUnusable(`${unnamed.join(' and ')} would each serve all pools.`, 'Name each <pool uuid>.key.')
    const [common] = unnamed
    this.common = common === undefined ? null : readPoolKey(common)
    for (const file of files) {
      const pool = poolNamed(file)
      if (pool !== null) this.named.set(pool, readPoolKey(file))
    }
    if (folder !== null) {
      const found = reading(folder, () => readdirSync(folder)).filter((file) => poolNamed(file) !== null)
      for (const file of found) readPoolKey(join(folder, file))
    }
    if (files.length === 0 && folder === null) throw new PoolKeyUnusable('no key is given.', 'Use --key FILE or --keys DIR.')
  }

  /** Null: this pool is not served. Throws PoolKeyUnusable when its file in the folder has become unusable. */
  keyOf(pool: string): Buffer | null {
    if (!isUuid(pool)) return null
    return this.named.get(pool) ?? this.inFolder(pool) ?? this.common
  }

  /** By an argument of the command line, which counts before any file of the folder. */
  isGiven(pool: string): boolean {
    return this.named.has(pool)
  }

  /** Nobody can be served yet. */
  get isEmpty(): boolean {
    const inFolder = this.folder === null ? [] : readdirSync(this.folder)
    return this.named.size === 0 && this.common === null && !inFolder.some((file) => poolNamed(file) !== null)
  }

  private inFolder(pool: string): Buffer | null {
    if (this.folder === null) return null
    const path = join(this.folder, `${pool}.key`)
    return statSync(path, { throwIfNoEntry: false }) === undefined ? null : readPoolKey(path)
  }
}

function poolNamed(file: string): string | null {
  const name = basename(file)
  const pool = name.slice(0, -'.key'.length)
  return name.endsWith('.key') && isUuid(pool) ? pool : null
}

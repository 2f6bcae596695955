import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Log } from '../../ports/log'
import { Malformed } from '../../wire/shape'
import { ClaimLogUnusable, inDirectory, refuseSealed } from './claim-log'
import { LOG_FILE, openLogFile, REWRITE_BYTES } from './claim-log-file'
import { putInPlace, systemClaimFiles, writeFresh, writeWhole } from './claim-log-files'
import { handOverOf, handOverText, type LogContent } from './claim-log-format'
import { seal, sealOf } from './claim-log-seal'
import { textOf } from '../system/system-error'

export interface Moved {
  readonly witness: string
  readonly claims: number
}

const BYTES_MAX = 256 * 1024 * 1024

/**
 * Writes the claims of `directory` to `file`, and seals the directory: no witness ever serves from it again. Sealed before the
 * file has its name, so that there is never a file to adopt beside a directory that could still serve; done again after a
 * failure it writes the same file. Throws ClaimLogUnusable.
 */
export async function handOver(directory: string, file: string, log: Log): Promise<Moved> {
  // Before anything is made or locked: a mistyped directory stays as it is.
  if (!isThere(join(directory, LOG_FILE))) throw new ClaimLogUnusable('unwritable', `${directory} holds no claims`)
  if (isThere(file)) throw new ClaimLogUnusable('unwritable', `${file} is there already; name a new file`)
  return inDirectory(directory, async () => {
    const claims = await openLogFile(directory, log, REWRITE_BYTES)
    const { witness, revision, records } = claims
    await claims.close()
    const fresh = `${file}.new`
    await writing(file, () => writeFresh(systemClaimFiles, fresh, Buffer.from(handOverText({ witness, revision }, records))))
    if ((await sealOf(directory)) === null) {
      await seal(directory, { witness, at: new Date().toISOString(), file: resolve(file) })
    }
    await writing(file, () => putInPlace(systemClaimFiles, dirname(resolve(file)), [file, fresh]))
    return { witness, claims: records.length }
  })
}

async function writing(file: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    throw new ClaimLogUnusable('unwritable', `${file} cannot be written: ${textOf(error)}`)
  }
}

/** Makes `directory` the one of the witness whose claims are in `file`. Throws ClaimLogUnusable. */
export function adopt(directory: string, file: string): Promise<Moved> {
  return inDirectory(directory, async () => {
    await refuseSealed(directory)
    const path = join(directory, LOG_FILE)
    if (isThere(path)) {
      throw new ClaimLogUnusable('unwritable', `${directory} holds the claims of a witness already; name a new directory`)
    }
    const bytes = await contentOf(file)
    const content = whole(file, bytes)
    await writeWhole(systemClaimFiles, directory, [path, `${path}.new`], bytes.subarray(0, content.wholeBytes))
    return { witness: content.head.witness, claims: content.live.size }
  })
}

async function contentOf(file: string): Promise<Buffer> {
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size === undefined) throw new ClaimLogUnusable('unwritable', `${file} is not there`)
  if (size > BYTES_MAX) throw new ClaimLogUnusable('damaged', `${file} is longer than any witness's claims`)
  return readFile(file)
}

function whole(file: string, bytes: Buffer): LogContent {
  try {
    return handOverOf(bytes)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw new ClaimLogUnusable('damaged', `${file}: ${error.message}. Copy it again from where it was written`)
  }
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

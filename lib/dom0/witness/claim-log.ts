import { join } from 'node:path'
import type { ClaimLog } from '../../ports/claim-log'
import type { Log } from '../../ports/log'
import { Malformed } from '../../wire/shape'
import { LOG_FILE, openLogFile, REWRITE_BYTES } from './claim-log-file'
import { sealOf } from './claim-log-seal'
import { type DirectoryLock, lockDirectory } from '../system/directory-lock'
import { makeFolder } from '../system/make-folder'
import { codeOf, textOf } from '../system/system-error'

/** DIR cannot serve a witness; `message` is for the operator. */
export class ClaimLogUnusable extends Error {
  override readonly name = 'ClaimLogUnusable'
  constructor(
    readonly why: 'in-use' | 'damaged' | 'unwritable' | 'handed-over',
    text: string,
  ) {
    super(text)
  }
}

/** Opens DIR/claims.log, made if need be, and keeps others out of DIR. Throws ClaimLogUnusable. `rewriteBytes`: see REWRITE_BYTES. */
export async function openClaimLog(directory: string, log: Log, rewriteBytes = REWRITE_BYTES): Promise<ClaimLog> {
  const lock = lockMade(directory)
  return releasedUnless(lock, directory, async () => {
    await refuseSealed(directory)
    const claims = await openLogFile(directory, log, rewriteBytes)
    return {
      ...{ witness: claims.witness, revision: claims.revision, records: claims.records },
      append: (records) => claims.append(records),
      close: async () => {
        await claims.close()
        lock.release()
      },
    }
  })
}

/** Does something in DIR, made if need be, while no witness serves from it. Throws ClaimLogUnusable. */
export async function inDirectory<T>(directory: string, act: () => Promise<T>): Promise<T> {
  const lock = lockMade(directory)
  const result = await releasedUnless(lock, directory, act)
  lock.release()
  return result
}

/** Throws ClaimLogUnusable when DIR was handed over. */
export async function refuseSealed(directory: string): Promise<void> {
  const seal = await sealOf(directory)
  if (seal === null) return
  const text = `${directory} was handed over on ${seal.at} to ${seal.file}: the claims of witness ${seal.witness} are kept elsewhere now`
  throw new ClaimLogUnusable('handed-over', `${text}. Start the witness that adopted them, or adopt them in a new directory`)
}

async function releasedUnless<T>(lock: DirectoryLock, directory: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    lock.release()
    if (error instanceof Malformed) {
      const advice = 'Restore it from a copy, or move it away and protect the VMs again.'
      throw new ClaimLogUnusable('damaged', `${join(directory, LOG_FILE)}: ${error.message}. ${advice}`)
    }
    throw unwritable(directory, error)
  }
}

function lockMade(directory: string): DirectoryLock {
  try {
    makeFolder(directory)
    const lock = lockDirectory(directory)
    if ('release' in lock) return lock
    throw new ClaimLogUnusable('in-use', `${directory} is used by another witness (process ${lock.holder || 'unknown'})`)
  } catch (error) {
    throw unwritable(directory, error)
  }
}

const unwritable = (directory: string, error: unknown): unknown =>
  codeOf(error) !== '' ? new ClaimLogUnusable('unwritable', `${directory} cannot hold the claims: ${textOf(error)}`) : error

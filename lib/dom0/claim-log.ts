import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClaimRecord } from '../core/domain/claim-record'
import type { ClaimLog } from '../ports/claim-log'
import type { Log } from '../ports/log'
import { Malformed } from '../wire/shape'
import { batchLine, enter, headLine, type LogContent, type LogHead, readLog } from './claim-log-format'
import { type DirectoryLock, lockDirectory } from './directory-lock'
import { makeFolder } from './make-folder'
import { codeOf, textOf } from './system-error'

/** DIR cannot serve a witness; `message` is for the operator. */
export class ClaimLogUnusable extends Error {
  override readonly name = 'ClaimLogUnusable'
  constructor(
    readonly why: 'in-use' | 'damaged' | 'unwritable',
    text: string,
  ) {
    super(text)
  }
}

const FILE = 'claims.log'
const FRESH = 'claims.log.new'
const NO_ROOM = ['ENOSPC', 'EDQUOT', 'EFBIG']
/** Below this a log is not worth rewriting: reading it takes milliseconds. */
export const REWRITE_BYTES = 1024 * 1024

/** Opens DIR/claims.log, made if need be. Throws ClaimLogUnusable. `rewriteBytes`: see REWRITE_BYTES. */
export async function openClaimLog(directory: string, log: Log, rewriteBytes = REWRITE_BYTES): Promise<ClaimLog> {
  const lock = lockMade(directory)
  try {
    return await ClaimLogFile.open(directory, lock, log, rewriteBytes)
  } catch (error) {
    lock.release()
    if (error instanceof Malformed) {
      const advice = 'Restore it from a copy, or move it away and protect the VMs again.'
      throw new ClaimLogUnusable('damaged', `${join(directory, FILE)}: ${error.message}. ${advice}`)
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

class ClaimLogFile implements ClaimLog {
  readonly witness: string
  readonly revision: number
  readonly records: readonly ClaimRecord[]
  private readonly live: Map<string, ClaimRecord>
  private highest: number
  private bytes: number
  private checksum: string
  private rewriteAtBytes: number

  private constructor(
    private readonly directory: string,
    private readonly lock: DirectoryLock,
    private readonly log: Log,
    private readonly rewriteBytes: number,
    private handle: FileHandle,
    content: LogContent,
  ) {
    this.witness = content.head.witness
    this.revision = this.highest = content.revision
    this.records = [...content.live.values()]
    this.live = content.live
    this.bytes = content.wholeBytes
    this.checksum = content.checksum
    this.rewriteAtBytes = rewriteBytes
  }

  static async open(directory: string, lock: DirectoryLock, log: Log, rewriteBytes: number): Promise<ClaimLogFile> {
    const path = join(directory, FILE)
    const found = await readIfThere(path)
    if (found === null) {
      await writeFresh(directory, headLine({ witness: randomUUID(), revision: 0 }).text)
      await putInPlace(directory)
      log.info('made a new claim log', { path })
    }
    const bytes = found ?? (await readFile(path))
    const content = readLog(bytes)
    const handle = await open(path, 'r+')
    const tornBytes = bytes.length - content.wholeBytes
    if (tornBytes > 0) {
      log.warn('dropped the unfinished end of the claim log; nobody was told that it was stored', { path, tornBytes })
      await handle.truncate(content.wholeBytes)
      await handle.sync()
    }
    return new ClaimLogFile(directory, lock, log, rewriteBytes, handle, content)
  }

  async append(records: readonly ClaimRecord[]): Promise<'durable' | 'no-room'> {
    if (this.bytes > this.rewriteAtBytes) await this.rewrite()
    const line = batchLine(this.checksum, records)
    if (!(await this.write(Buffer.from(line.text)))) return 'no-room'
    this.checksum = line.checksum
    for (const record of records) {
      enter(this.live, record)
      this.highest = Math.max(this.highest, record.revision)
    }
    return 'durable'
  }

  async close(): Promise<void> {
    await this.handle.close()
    this.lock.release()
  }

  /** False: there was no room, and the file is as it was. Other failures leave it unknown, and go up. */
  private async write(data: Buffer): Promise<boolean> {
    try {
      await writeAll(this.handle, data, this.bytes)
    } catch (error) {
      if (!NO_ROOM.includes(codeOf(error))) throw error
      this.log.error('no room to store a claim', { directory: this.directory, code: codeOf(error) })
      await this.handle.truncate(this.bytes)
      await this.handle.sync()
      return false
    }
    await this.handle.datasync()
    this.bytes += data.length
    return true
  }

  /** Replaces a history of changes by the claims as they are. */
  private async rewrite(): Promise<void> {
    const { text, checksum } = snapshotOf({ witness: this.witness, revision: this.highest }, this.live)
    try {
      await writeFresh(this.directory, text)
    } catch (error) {
      if (!NO_ROOM.includes(codeOf(error))) throw error
      await rm(join(this.directory, FRESH), { force: true })
      this.rewriteAtBytes = this.bytes * 2
      return
    }
    await putInPlace(this.directory)
    const former = this.handle
    this.handle = await open(join(this.directory, FILE), 'r+')
    await former.close()
    this.bytes = Buffer.byteLength(text)
    this.checksum = checksum
    this.rewriteAtBytes = Math.max(this.rewriteBytes, this.bytes * 4)
  }
}

function snapshotOf(head: LogHead, live: ReadonlyMap<string, ClaimRecord>): { text: string; checksum: string } {
  const lines = [headLine(head)]
  let { checksum } = headLine(head)
  for (const record of live.values()) {
    const line = batchLine(checksum, [record])
    lines.push(line)
    checksum = line.checksum
  }
  return { text: lines.map(({ text }) => text).join(''), checksum }
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

async function writeAll(handle: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length;) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, position + done)
    done += bytesWritten
  }
}

async function writeFresh(directory: string, text: string): Promise<void> {
  const fresh = await open(join(directory, FRESH), 'w', 0o600)
  try {
    await writeAll(fresh, Buffer.from(text), 0)
    await fresh.sync()
  } finally {
    await fresh.close()
  }
}

/** The log is the old one or the fresh one, whole, whenever the power fails. */
async function putInPlace(directory: string): Promise<void> {
  await rename(join(directory, FRESH), join(directory, FILE))
  const parent = await open(directory, 'r')
  try {
    await parent.sync()
  } finally {
    await parent.close()
  }
}

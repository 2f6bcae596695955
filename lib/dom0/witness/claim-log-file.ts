import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { ClaimRecord } from '../../core/domain/claim-record'
import type { ClaimLog } from '../../ports/claim-log'
import type { Log } from '../../ports/log'
import { type ClaimFile, type ClaimFiles, putInPlace, systemClaimFiles, writeFresh, writeWhole } from './claim-log-files'
import { batchLine, enter, headLine, type LogContent, type LogHead, readLog, snapshotOf } from './claim-log-format'
import { codeOf } from '../system/system-error'

export const LOG_FILE = 'claims.log'
const FRESH = 'claims.log.new'
const NO_ROOM = ['ENOSPC', 'EDQUOT', 'EFBIG']
/** Below this a log is not worth rewriting: reading it takes milliseconds. */
export const REWRITE_BYTES = 1024 * 1024

/** Opens DIRECTORY/claims.log, made if need be. Throws Malformed, or the system's error. `rewriteBytes`: see REWRITE_BYTES. */
export async function openLogFile(
  directory: string,
  log: Log,
  rewriteBytes: number,
  files: ClaimFiles = systemClaimFiles,
): Promise<ClaimLog> {
  const names = [join(directory, LOG_FILE), join(directory, FRESH)] as const
  const [path] = names
  let bytes = await files.read(path)
  if (bytes === null) {
    bytes = Buffer.from(headLine({ witness: randomUUID(), revision: 0 }).text)
    await writeWhole(files, directory, names, bytes)
    log.info('made a new claim log', { path })
  }
  const content = readLog(bytes)
  const file = await files.open(path)
  const tornBytes = bytes.length - content.wholeBytes
  if (tornBytes > 0) {
    log.warn('dropped the unfinished end of the claim log; nobody was told that it was stored', { path, tornBytes })
    await file.truncate(content.wholeBytes)
  }
  // A process that ended because a flush failed leaves bytes that can be read and are not on the disk; the kernel takes them for
  // written. Writing the last line again, and the name, makes sure of what is built upon from here.
  await ifRoom(() => file.write(bytes.subarray(content.lastLineAt, content.wholeBytes), content.lastLineAt))
  await file.sync()
  await files.syncFolder(directory)
  return new LogFile({ directory, names, log, files, rewriteBytes }, file, content)
}

/** Whether there was. */
async function ifRoom(write: () => Promise<void>): Promise<boolean> {
  try {
    await write()
    return true
  } catch (error) {
    if (NO_ROOM.includes(codeOf(error))) return false
    throw error
  }
}

interface Place {
  readonly directory: string
  /** Of the log, and of the one that is to replace it. */
  readonly names: readonly [string, string]
  readonly log: Log
  readonly files: ClaimFiles
  readonly rewriteBytes: number
}

class LogFile implements ClaimLog {
  readonly witness: string
  readonly revision: number
  readonly records: readonly ClaimRecord[]
  private readonly live: Map<string, ClaimRecord>
  private highest: number
  private bytes: number
  private checksum: string
  private rewriteAtBytes: number

  constructor(
    private readonly place: Place,
    private file: ClaimFile,
    content: LogContent,
  ) {
    this.witness = content.head.witness
    this.revision = this.highest = content.revision
    this.records = [...content.live.values()]
    this.live = content.live
    this.bytes = content.wholeBytes
    this.checksum = content.checksum
    this.rewriteAtBytes = place.rewriteBytes
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

  close(): Promise<void> {
    return this.file.close()
  }

  /** False: there was no room, and the file is as it was. Other failures leave it unknown, and go up. */
  private async write(data: Buffer): Promise<boolean> {
    if (!(await ifRoom(() => this.file.write(data, this.bytes)))) {
      this.place.log.error('no room to store a claim', { directory: this.place.directory })
      await this.file.truncate(this.bytes)
      await this.file.sync()
      return false
    }
    await this.file.sync()
    this.bytes += data.length
    return true
  }

  /** Replaces a history of changes by the claims as they are. */
  private async rewrite(): Promise<void> {
    const { directory, names, files, rewriteBytes } = this.place
    const head: LogHead = { witness: this.witness, revision: this.highest }
    const { text, checksum } = snapshotOf(head, this.live.values())
    const [path, fresh] = names
    if (!(await ifRoom(() => writeFresh(files, fresh, Buffer.from(text))))) {
      await files.remove(fresh)
      this.rewriteAtBytes = this.bytes * 2
      return
    }
    await putInPlace(files, directory, names)
    const former = this.file
    this.file = await files.open(path)
    await former.close()
    this.bytes = Buffer.byteLength(text)
    this.checksum = checksum
    this.rewriteAtBytes = Math.max(rewriteBytes, this.bytes * 4)
  }
}

import type { Files, OpenFile } from './replica-files'
import { decodeRecord, encodeRecord, FIRST_SEQ, type RecordKind, type StoredRecord } from './replica-record'

/** Two files with the same records: in each, every record has two slots, which its saves take in turn. */
export interface RecordLayout {
  readonly kind: RecordKind
  /** The replica's name. */
  readonly replica: string
  readonly paths: readonly [string, string]
  readonly slotBytes: number
}

export const SLOTS = [0, 1] as const
/** Records read or filled in at a time. */
export const CHUNK_RECORDS = 64

/** The slot for a save: never the one of the save before. */
export const slotOf = (seq: number): number => seq % 2
export const otherSlotOf = (seq: number): number => slotOf(seq + 1)

/** The copies as files. Each call is made on all of them at once, and rejects when one of them fails. */
export class RecordCopies {
  constructor(
    readonly layout: RecordLayout,
    readonly files: readonly OpenFile[],
  ) {}

  /** Where a record's slot is, in bytes. */
  offset(number: number, slot: number): number {
    return (number * SLOTS.length + slot) * this.layout.slotBytes
  }

  encode(record: StoredRecord): Buffer {
    return encodeRecord(this.layout.kind, this.layout.replica, record)
  }

  decode(number: number, bytes: Buffer): StoredRecord | null {
    return decodeRecord(this.layout.kind, this.layout.replica, number, bytes)
  }

  each(act: (file: OpenFile) => Promise<void>): Promise<void> {
    return allDone(this.files.map(act))
  }

  sync(): Promise<void> {
    return this.each((file) => file.sync())
  }

  close(): Promise<void> {
    return this.each((file) => file.close())
  }

  /** Records from..to-1 in every slot; on stable storage when it resolves. */
  async fill(from: number, to: number, payloadOf: (number: number) => Buffer): Promise<void> {
    if (from >= to) return
    for (let first = from; first < to; first += CHUNK_RECORDS) {
      const count = Math.min(CHUNK_RECORDS, to - first)
      const bytes = Buffer.alloc(this.offset(count, 0))
      for (let place = 0; place < count; place++) {
        const record = this.encode({ number: first + place, seq: FIRST_SEQ, payload: payloadOf(first + place) })
        for (const slot of SLOTS) record.copy(bytes, this.offset(place, slot))
      }
      await this.each((file) => file.write(this.offset(first, 0), bytes))
    }
    await this.sync()
  }
}

/**
 * New files in place of any that are there. What is there goes first, for good: a mixture of old and new records would look like
 * records that were all saved.
 */
export async function makeCopies(files: Files, layout: RecordLayout): Promise<RecordCopies> {
  await removeForGood(files, layout.paths)
  const copies = new RecordCopies(layout, await openAll(layout.paths, (path) => files.make(path)))
  await files.syncFolderOf(layout.paths[0])
  return copies
}

/** The paths are of one folder. */
export async function removeForGood(files: Files, paths: readonly [string, ...string[]]): Promise<void> {
  for (const path of paths) await files.remove(path)
  await files.syncFolderOf(paths[0])
}

/** All of them, or none is left open. */
export async function openAll(paths: readonly string[], open: (path: string) => Promise<OpenFile>): Promise<OpenFile[]> {
  const ends = await Promise.allSettled(paths.map(open))
  const opened = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed === undefined) return opened
  await allDone(opened.map((file) => file.close()))
  throw failed.reason
}

/** Waits for all, so that nothing is still being written when the first failure is told. */
export async function allDone(acts: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(acts)).find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

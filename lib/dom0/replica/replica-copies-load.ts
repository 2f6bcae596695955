import { CHUNK_RECORDS, openAll, otherSlotOf, RecordCopies, slotOf, SLOTS, type RecordLayout } from './replica-copies'
import type { Files, OpenFile } from './replica-files'
import type { StoredRecord } from './replica-record'
import { codeOf } from '../system/system-error'

/**
 * Opens records 0..count-1 and hands over each as it was saved last: never less than what a save had resolved for. Slots that
 * were torn by a crash or damaged are mended from those that are whole. Null, with nothing left open, when a record has none.
 */
export async function loadCopies(
  files: Files,
  layout: RecordLayout,
  count: number,
  found: (record: StoredRecord) => void,
): Promise<RecordCopies | null> {
  const gone: string[] = []
  const open = await openAll(layout.paths, async (path) => {
    const file = await files.openIfThere(path)
    if (file === null) gone.push(path)
    return file ?? files.make(path)
  })
  const copies = new RecordCopies(layout, open)
  try {
    for (let first = 0; first < count; first += CHUNK_RECORDS) {
      const whole = await loadChunk(copies, first, Math.min(CHUNK_RECORDS, count - first), found)
      if (whole) continue
      await copies.close()
      return null
    }
    // A worker may have been killed just after it had made them.
    await copies.sync()
    if (gone.length > 0) await files.syncFolderOf(layout.paths[0])
    return copies
  } catch (error) {
    await copies.close()
    throw error
  }
}

async function loadChunk(copies: RecordCopies, first: number, count: number, found: (record: StoredRecord) => void) {
  const chunks = await Promise.all(copies.files.map((file) => readWhole(file, copies.offset(first, 0), copies.offset(count, 0))))
  const mends: Mend[] = []
  for (let number = first; number < first + count; number++) {
    const slots = chunks.flatMap((bytes, copy) =>
      SLOTS.map((slot) => ({ copy, slot, record: slotIn(copies, bytes, first, number, slot) })),
    )
    const newest = newestOf(slots.map(({ record }) => record))
    if (newest === null) return false
    found(newest)
    // Alike are only those of a save that was done. What a killed worker was saving, or what a flush failed for, may be in the
    // page cache alone; it is written again, because the other slot is the next save's.
    if (slots.some(({ record }) => record?.seq !== newest.seq)) {
      for (const { copy, slot } of slots) mends.push({ copy, slot, record: newest })
    }
  }
  await mend(copies, mends)
  return true
}

interface Mend {
  readonly copy: number
  readonly slot: number
  readonly record: StoredRecord
}

/** The newest record is in both copies, for good, before the slots that hold its predecessor are written to. */
async function mend(copies: RecordCopies, mends: readonly Mend[]): Promise<void> {
  for (const slotNow of [slotOf, otherSlotOf]) {
    const now = mends.filter(({ slot, record }) => slot === slotNow(record.seq))
    for (const { copy, slot, record } of now) {
      await copies.files[copy]?.write(copies.offset(record.number, slot), copies.encode(record))
    }
    if (now.length > 0) await copies.sync()
  }
}

function slotIn(copies: RecordCopies, chunk: Buffer, first: number, number: number, slot: number): StoredRecord | null {
  const at = copies.offset(number - first, slot)
  return copies.decode(number, chunk.subarray(at, at + copies.layout.slotBytes))
}

function newestOf(records: readonly (StoredRecord | null)[]): StoredRecord | null {
  let newest: StoredRecord | null = null
  for (const record of records) if (record !== null && record.seq > (newest?.seq ?? 0)) newest = record
  return newest
}

/** A copy that cannot be read is a damaged one. */
async function readWhole(file: OpenFile, offset: number, length: number): Promise<Buffer> {
  try {
    return await file.read(offset, length)
  } catch (error) {
    if (codeOf(error) === 'EIO') return Buffer.alloc(0)
    throw error
  }
}

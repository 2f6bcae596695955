import { assert } from '../../core/domain/assert'
import { BLOCK_BYTES, BLOCKS_PER_PAGE, bitmapPages, extentsOn, HOT_EXTENTS_MAX, PAGE_BYTES } from '../../core/domain/blocks'
import type { Tracking } from '../../ports/replica-store'
import { allDone, type RecordLayout } from './replica-copies'
import type { Files } from './replica-files'
import { loadRecords, makeRecords, type Records } from './replica-records'

/** A replica's activity log and dirty bitmap, in four files whose names begin with `base`. */
export interface TrackingFiles {
  readonly files: Files
  readonly base: string
  /** The replica's name. */
  readonly replica: string
}

const EXTENT_NUMBER_BYTES = 4
/** One block of the usual file system: saving the log reads nothing first, and tears nothing else. */
const LOG_SLOT_BYTES = 4096
const PAGE_SLOT_BYTES = 8192
const CLEAN_PAGE = Buffer.alloc(PAGE_BYTES)

const logLayout = ({ base, replica }: TrackingFiles): RecordLayout => {
  return { kind: 'activity-log', replica, paths: [`${base}.hot`, `${base}.hot.2`], slotBytes: LOG_SLOT_BYTES }
}

const bitmapLayout = ({ base, replica }: TrackingFiles): RecordLayout => {
  return { kind: 'bitmap', replica, paths: [`${base}.map`, `${base}.map.2`], slotBytes: PAGE_SLOT_BYTES }
}

/**
 * No extent is hot, and every block is clean or dirty; on stable storage when it resolves. All space that saves will take is taken
 * now, so that none has to wait for it or fails for want of it.
 */
export async function makeTracking(of: TrackingFiles, sizeBytes: number, blocks: 'clean' | 'dirty'): Promise<TrackingStore> {
  const pageOf = blocks === 'clean' ? () => CLEAN_PAGE : (page: number) => dirtyPage(page, sizeBytes)
  const bitmap = await makeRecords(of.files, bitmapLayout(of), bitmapPages(sizeBytes), pageOf)
  try {
    return new TrackingStore(await makeRecords(of.files, logLayout(of), 1, () => Buffer.alloc(0)), bitmap, sizeBytes)
  } catch (error) {
    await bitmap.close()
    throw error
  }
}

/**
 * For a disk that had `knownBytes` and has `sizeBytes`, not fewer. What cannot be trusted is made anew with every block dirty, so
 * that nothing looks clean after a crash before the caller has saved anything.
 */
export async function openTracking(of: TrackingFiles, knownBytes: number, sizeBytes: number): Promise<FoundTracking> {
  const [log, bitmap] = [
    await loadRecords(of.files, logLayout(of), 1, () => true),
    await loadRecords(of.files, bitmapLayout(of), bitmapPages(knownBytes), (page) => !page.equals(CLEAN_PAGE)),
  ]
  try {
    const found = log === null || bitmap === null ? null : trackingIn(log.payloads, bitmap.payloads, knownBytes)
    if (log !== null && bitmap !== null && found !== null) {
      await bitmap.records.fill(bitmapPages(knownBytes), bitmapPages(sizeBytes), () => CLEAN_PAGE)
      return { found, store: new TrackingStore(log.records, bitmap.records, sizeBytes) }
    }
  } catch (error) {
    await log?.records.close()
    await bitmap?.records.close()
    throw error
  }
  await log?.records.close()
  await bitmap?.records.close()
  return { found: 'lost', store: await makeTracking(of, sizeBytes, 'dirty') }
}

export interface FoundTracking {
  readonly found: Tracking | 'lost'
  readonly store: TrackingStore
}

/** Null when the records are not of such a disk. */
function trackingIn(log: ReadonlyMap<number, Buffer>, pages: ReadonlyMap<number, Buffer>, sizeBytes: number): Tracking | null {
  const payload = log.get(0) ?? Buffer.alloc(0)
  const hot: number[] = []
  for (let at = 0; at + EXTENT_NUMBER_BYTES <= payload.length; at += EXTENT_NUMBER_BYTES) hot.push(payload.readUInt32BE(at))
  if (hot.length > HOT_EXTENTS_MAX || hot.some((extent) => extent >= extentsOn(sizeBytes))) return null
  if ([...pages].some(([number, page]) => !isPageOf(sizeBytes, number, page))) return null
  return { hot, pages }
}

/** No bit is set for a block past the disk's end. */
function isPageOf(sizeBytes: number, number: number, page: Buffer): boolean {
  if (page.length !== PAGE_BYTES || number >= bitmapPages(sizeBytes)) return false
  const blocks = blocksIn(number, sizeBytes)
  const end = Math.ceil(blocks / 8)
  const past = (blocks & 7) === 0 ? 0 : (page[end - 1] ?? 0) >> (blocks & 7)
  return past === 0 && page.subarray(end).equals(CLEAN_PAGE.subarray(end))
}

const blocksIn = (page: number, sizeBytes: number): number =>
  Math.min(BLOCKS_PER_PAGE, Math.ceil(sizeBytes / BLOCK_BYTES) - page * BLOCKS_PER_PAGE)

/** Every block of the disk in that page. */
function dirtyPage(number: number, sizeBytes: number): Buffer {
  const blocks = blocksIn(number, sizeBytes)
  const page = Buffer.alloc(PAGE_BYTES)
  page.fill(0xff, 0, blocks >>> 3)
  if ((blocks & 7) !== 0) page[blocks >>> 3] = (1 << (blocks & 7)) - 1
  return page
}

export class TrackingStore {
  constructor(
    private readonly log: Records,
    private readonly bitmap: Records,
    private readonly sizeBytes: number,
  ) {}

  saveHot(extents: readonly number[]): Promise<void> {
    assert(extents.length <= HOT_EXTENTS_MAX, 'the activity log is not overfull')
    const payload = Buffer.alloc(extents.length * EXTENT_NUMBER_BYTES)
    const end = extentsOn(this.sizeBytes)
    for (const [place, extent] of extents.entries()) {
      assert(Number.isSafeInteger(extent) && extent >= 0 && extent < end, 'a hot extent lies on the disk')
      payload.writeUInt32BE(extent, place * EXTENT_NUMBER_BYTES)
    }
    return this.log.save(new Map([[0, payload]]))
  }

  savePages(pages: ReadonlyMap<number, Buffer>): Promise<void> {
    for (const [number, page] of pages)
      assert(isPageOf(this.sizeBytes, number, page), 'a page has bits for the blocks of the disk only')
    return this.bitmap.save(pages)
  }

  close(): Promise<void> {
    return allDone([this.log.close(), this.bitmap.close()])
  }
}

import { assert } from '../../core/domain/assert'
import { makeCopies, otherSlotOf, slotOf, type RecordCopies, type RecordLayout } from './replica-copies'
import { loadCopies } from './replica-copies-load'
import type { Files } from './replica-files'
import { FIRST_SEQ, type StoredRecord } from './replica-record'

/** In place of any that are there; on stable storage when it resolves. */
export async function makeRecords(
  files: Files,
  layout: RecordLayout,
  count: number,
  payloadOf: (number: number) => Buffer,
): Promise<Records> {
  const copies = await makeCopies(files, layout)
  try {
    await copies.fill(0, count, payloadOf)
  } catch (error) {
    await copies.close()
    throw error
  }
  return new Records(copies, new Map())
}

/** Null when one cannot be trusted. Only the payloads to `keep` are answered. */
export async function loadRecords(
  files: Files,
  layout: RecordLayout,
  count: number,
  keep: (payload: Buffer) => boolean,
): Promise<{ readonly records: Records; readonly payloads: ReadonlyMap<number, Buffer> } | null> {
  const seqs = new Map<number, number>()
  const payloads = new Map<number, Buffer>()
  const copies = await loadCopies(files, layout, count, ({ number, seq, payload }) => {
    if (seq > FIRST_SEQ) seqs.set(number, seq)
    // A copy: what was read around it may go.
    if (keep(payload)) payloads.set(number, Buffer.from(payload))
  })
  return copies === null ? null : { records: new Records(copies, seqs), payloads }
}

/** Numbered records that a crash leaves as they were saved last, or as they were being saved. */
export class Records {
  private waiting = new Map<number, Buffer>()
  private nextSave: Promise<void> | null = null
  private turn: Promise<void> = Promise.resolve()
  private unsettled = new Map<number, StoredRecord>()
  private failed: Error | null = null
  private closed = false

  constructor(
    private readonly copies: RecordCopies,
    /** What each record's last save was; those that were only filled are left out. */
    private readonly seqs: Map<number, number>,
  ) {}

  /** Makes records that were not there, before anything is saved. */
  fill(from: number, to: number, payloadOf: (number: number) => Buffer): Promise<void> {
    return this.copies.fill(from, to, payloadOf)
  }

  /**
   * On stable storage in every copy when it resolves. Saves that wait for one under way are made together, with the newest payload
   * of each record. After a save has failed, all reject: the slots may be torn, and a further save would overwrite the whole ones.
   */
  save(records: ReadonlyMap<number, Buffer>): Promise<void> {
    assert(!this.closed, 'a replica that is closed is not saved')
    for (const [number, payload] of records) this.waiting.set(number, Buffer.from(payload))
    if (this.nextSave === null) {
      this.nextSave = this.turn.then(() => this.saveWaiting())
      this.turn = this.nextSave.then(
        () => this.settle(),
        // Whoever saved hears of it.
        () => undefined,
      )
    }
    return this.nextSave
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    await this.turn
    try {
      if (this.failed === null) await this.copies.sync()
    } finally {
      await this.copies.close()
    }
  }

  private async saveWaiting(): Promise<void> {
    this.nextSave = null
    const batch = [...this.waiting].map(([number, payload]) => ({
      number,
      seq: (this.seqs.get(number) ?? FIRST_SEQ) + 1,
      payload,
    }))
    this.waiting = new Map()
    await this.attempt(() => this.write(batch))
    if (this.failed !== null) throw this.failed
    for (const record of batch) {
      this.seqs.set(record.number, record.seq)
      this.unsettled.set(record.number, record)
    }
  }

  private async write(batch: readonly StoredRecord[]): Promise<void> {
    const slots = batch.map((record) => ({
      at: this.copies.offset(record.number, slotOf(record.seq)),
      bytes: this.copies.encode(record),
    }))
    const [only] = slots
    if (only === undefined) return
    await this.copies.each(async (file) => {
      if (slots.length === 1) return file.writeThrough(only.at, only.bytes)
      for (const { at, bytes } of slots) await file.write(at, bytes)
      await file.sync()
    })
  }

  /**
   * The same into the other slots, without waiting for the disk: whatever is damaged later, one slot of four will do. They hold the
   * predecessors, and the next saves go there.
   */
  private async settle(): Promise<void> {
    if (this.nextSave !== null || this.failed !== null) return
    const records = [...this.unsettled.values()]
    this.unsettled.clear()
    await this.attempt(() =>
      this.copies.each(async (file) => {
        for (const record of records) {
          await file.write(this.copies.offset(record.number, otherSlotOf(record.seq)), this.copies.encode(record))
        }
      }),
    )
  }

  /** Nothing is written after a failure; the save under way, or else the next one, tells of it. */
  private async attempt(act: () => Promise<void>): Promise<void> {
    if (this.failed !== null) return
    try {
      await act()
    } catch (error) {
      this.failed = error instanceof Error ? error : new Error(String(error))
    }
  }
}

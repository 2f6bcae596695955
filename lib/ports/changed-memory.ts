import type { MemoryRange } from '../core/domain/guest-memory'

export type { MemoryRange } from '../core/domain/guest-memory'

export const PAGE_BYTES = 4096

export interface ChangedPart {
  /** Ascending, and none touches the next. */
  readonly runs: readonly MemoryRange[]
  /** Of the runs, one after the other; a piece of the buffer that was given. */
  readonly bytes: Buffer
}

export interface ChangedPages {
  readonly parts: readonly ChangedPart[]
  /** What was not looked at for want of room. */
  readonly rest: readonly MemoryRange[]
}

/**
 * A guest's memory and what it was when it was last looked at; zeros at first. Rejects with the system's error; after one nothing
 * is known of it any more.
 */
export interface ChangedMemory {
  readonly sizeBytes: number
  /**
   * What changed in these ranges, which must not touch each other; from then on it is what the memory was. `into`: one page or more; it is
   * the caller's again when the parts were sent. One scan at a time. A page that the guest writes meanwhile is told now, or by the next scan.
   */
  scan(ranges: readonly MemoryRange[], into: Buffer): Promise<ChangedPages>
  close(): Promise<void>
}

import type { Extent } from '../core/domain/extent'

/** A replica's bytes. Rejects with the system's error (`code: 'EIO'`, `'ENOSPC'`, ...). Offsets and lengths in bytes. */
export interface BlockDevice {
  readonly sizeBytes: number
  read(offset: number, into: Buffer): Promise<void>
  /** `mayWait`: nobody waits for this alone, so its end may be told up to a millisecond late; `collect` tells it. */
  write(offset: number, data: Buffer, mayWait?: boolean): Promise<void>
  zero(offset: number, length: number, punch: boolean): Promise<void>
  /** Everything written before this call is on stable storage when it resolves. */
  flush(mayWait?: boolean): Promise<void>
  /** Tells at once what has ended. `hurry`: and then whatever ends next. */
  collect?(hurry: boolean): void
  /** Of a stretch inside it, from its beginning; see Extent. None: nothing is known, or nobody can tell. `one`: the first is enough. */
  extents?(offset: number, length: number, one: boolean): Promise<readonly Extent[]>
  close(): Promise<void>
}

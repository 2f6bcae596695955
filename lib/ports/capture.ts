import type { StateWay } from '../core/domain/guest-memory'
import type { ChangedPages, MemoryRange } from './changed-memory'

export type { StateWay } from '../core/domain/guest-memory'

export type CaptureFinding =
  | { readonly can: true; readonly memoryFile: string; readonly memoryBytes: number; readonly way: StateWay }
  /** What this machine lacks, each a sentence's end: "its memory is no shared file". */
  | { readonly can: false; readonly why: readonly string[] }

/** What a guest was at a moment, as far as it differs from the last capture. */
export interface Captured {
  readonly pages: ChangedPages
  /** Of its devices and processors, for a standby to load. */
  readonly state: Buffer
}

/**
 * A running machine whose states can be taken. Rejects with an error that says why; then nothing is known of the machine, which may still
 * stand: `resume` is to be tried, and the next capture is a whole one.
 */
export interface Capture {
  /** What changed while it runs, in `ranges` or anywhere. Makes the next capture smaller, never replaces one. */
  look(into: Buffer, ranges?: readonly MemoryRange[]): Promise<ChangedPages>
  /** `not-running`: somebody else has paused it, or it has ended; it must not be resumed. */
  pause(): Promise<'paused' | 'not-running'>
  /** While it stands. The pages have a rest when `into` has no room for all; `look` at the rest, while it stands, gives those. */
  capture(into: Buffer): Promise<Captured>
  resume(): Promise<void>
  /** The machine is left as it is. */
  end(): Promise<void>
}

export interface Capturable {
  readonly capture: Capture
  readonly memoryBytes: number
  readonly way: StateWay
}

/** Of the guest of the VM on this host; null when none runs, nor stands. Rejects with an error that says why it cannot be. */
export type OpenCapture = () => Promise<Capturable | null>

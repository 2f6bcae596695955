import { loadAddon } from '../system/native-addon'

/** What lib/native/holdfast-extents.c offers. */
export interface NativeExtents {
  /**
   * Puts pairs into `into`: where a run of data begins and ends, from `offset` on, cut at `end`. `done` is told the errno (0: none) and how
   * many numbers there are; when `into` is full, there may be more.
   */
  dataRuns(fd: number, offset: number, end: number, into: Float64Array, done: (errno: number, count: number) => void): void
}

/** Null where there is none; see loadAddon. */
export const loadNativeExtents = (folder?: string): NativeExtents | null =>
  loadAddon('holdfast-extents.node', ['dataRuns'], folder) as NativeExtents | null

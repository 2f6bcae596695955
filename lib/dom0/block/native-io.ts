import { loadAddon } from '../system/native-addon'

/** A thread that makes the changes of one open file, or flushes it; what it is inside is the addon's. */
export type NativeLane = object

/** What lib/native/holdfast-io.c offers. Offsets and lengths in bytes. */
export interface NativeIo {
  /** `told` is called when there is something to collect. Throws when the system gives no thread. */
  openLane(fd: number, told: () => void): NativeLane
  /**
   * False when the lane is full; otherwise `data` must stay as it is until the slot is collected. `mayWait`: something else will wake the
   * loop, and it collects then; if nothing does, it is told after 0.3 ms.
   */
  write(lane: NativeLane, slot: number, offset: number, data: Buffer, mayWait: boolean): boolean
  zero(lane: NativeLane, slot: number, offset: number, length: number, punch: boolean): boolean
  /** One that has not begun does for all that are asked for meanwhile. */
  flush(lane: NativeLane, slot: number, mayWait: boolean): boolean
  /** After one change or many. */
  wake(lane: NativeLane): void
  /** Fills `into` with pairs of slot and errno (0: done) and answers how many pairs. `hurry`: what is done next is told at once. */
  collect(lane: NativeLane, into: Int32Array, hurry: boolean): number
  /** What was asked is still done. The lane must not be named again. */
  closeLane(lane: NativeLane): void
  /** How much of `into` was in memory, from its beginning; otherwise a negative errno. Never waits for the disk. */
  readNow(fd: number, offset: number, into: Buffer): number
  /** How many bytes of `pieces`, from their beginning, the socket took without waiting; otherwise a negative errno. */
  sendNow(fd: number, pieces: readonly Buffer[]): number
}

const CALLS = ['openLane', 'write', 'zero', 'flush', 'wake', 'collect', 'closeLane', 'readNow', 'sendNow']

/** Null where there is none; see loadAddon. */
export const loadNativeIo = (folder?: string): NativeIo | null => loadAddon('holdfast-io.node', CALLS, folder) as NativeIo | null

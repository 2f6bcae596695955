import { loadAddon } from '../system/native-addon'

/** A guest's memory and what is remembered of it; what that is, is the addon's. */
export type NativeMapping = object

/** What lib/native/holdfast-memory.c offers. Offsets and lengths in bytes, in whole pages. */
export interface NativeMemory {
  /**
   * Throws when the file has another size, or cannot be mapped. It must stay open as long as the mapping. `key`: random bytes of
   * KEY_BYTES, of this mapping alone; digests are made with it.
   */
  openMemory(fd: number, sizeBytes: number, key: Buffer): NativeMapping
  /**
   * Looks at `ranges` and puts what changed into `runs`, both pairs of offset and length, and its bytes into `out`. `done` is told the
   * errno (0: none), how many numbers of `runs` are used, and for want of room in which number of `ranges`, at which offset, it ended.
   */
  scan(
    memory: NativeMapping,
    ranges: Float64Array,
    runs: Float64Array,
    out: Buffer,
    done: (errno: number, count: number, at: number, next: number) => void,
  ): void
  /** Throws while it is looked at. */
  closeMemory(memory: NativeMapping): void
}

/** As long as a page. */
export const KEY_BYTES = 4096

const CALLS = ['openMemory', 'scan', 'closeMemory']

/** Null where there is none; see loadAddon. */
export const loadNativeMemory = (folder?: string): NativeMemory | null =>
  loadAddon('holdfast-memory.node', CALLS, folder) as NativeMemory | null

import { loadAddon } from '../system/native-addon'

/** What lib/native/holdfast-pages.c offers. */
export interface NativePages {
  /** The pages at these addresses, which must hold nothing that is not in their file, are read from it when they are needed. Answers the errno; 0: done. */
  giveBack(from: number, to: number): number
}

/** Null where there is none; see loadAddon. */
export const loadNativePages = (folder?: string): NativePages | null =>
  loadAddon('holdfast-pages.node', ['giveBack'], folder) as NativePages | null

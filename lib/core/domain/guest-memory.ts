/** Of a guest's memory, in whole pages. Bytes. */
export interface MemoryRange {
  readonly offset: number
  readonly length: number
}

/** How the state of devices and processors is had. `devices`: alone. `migration`: a migration that leaves the guest's memory out. */
export type StateWay = 'devices' | 'migration'

/**
 * What a take-over would come to, by what the claim names. `load` needs no wait for the holder's lease: nothing leaves the holder
 * that is not acknowledged here, and a sealed standby acknowledges nothing. `restart` needs it.
 */
export type Outlook = 'load' | 'restart' | 'cannot'

/** Runs are numbered below this, from 1: random numbers that a double holds. */
export const RUN_LIMIT = 2 ** 48

/** What a claim says of a guest's memory: that of a run counts; none does; none does, and nobody but the holder is listed. */
export type ClaimedMemory = 'lockstep' | 'none' | 'alone'

/**
 * Whether a guest of this host uses the disks of a VM that XAPI does not show here. Two of one VM would share its disks, so it is neither
 * reset nor started while one does, nor while nobody knows.
 */
export type GoingOnVerdict =
  /** Look again. */
  | 'wait'
  /** Look again; told the first time only. */
  | 'served'
  | 'start'
  /** It went on from its memory, and XAPI saw its end: whoever ended it decides what follows. */
  | 'ended'
  /** It went on from its memory and ended, and XAPI never saw it here: it would be shown on the lost host for ever. */
  | 'memory-lost'

/** A worker that starts again finds its guest within a second or two; one that is not found for longer is no more. */
const ENDED_AFTER_MS = 15_000

export class GoingOn {
  /** A guest went on here from its memory, as far as is known. */
  isUnderWay = false
  private unservedSinceMs: number | null = null
  private told = false

  begin(): void {
    this.isUnderWay = true
  }

  /** `servedHere`: null while the worker does not answer. */
  looked(powerState: string, servedHere: boolean | null, atMs: number): GoingOnVerdict {
    if (servedHere !== false) return this.served(powerState, servedHere)
    if (!this.isUnderWay) return 'start'
    this.unservedSinceMs ??= atMs
    if (atMs - this.unservedSinceMs < ENDED_AFTER_MS) return 'wait'
    this.isUnderWay = false
    return powerState === 'Halted' ? 'ended' : 'memory-lost'
  }

  private served(powerState: string, servedHere: true | null): GoingOnVerdict {
    this.unservedSinceMs = null
    // A start of ours on its way looks like this, too.
    if (servedHere === null || this.told || powerState === 'Halted') return 'wait'
    this.told = true
    return 'served'
  }
}

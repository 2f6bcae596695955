import type { GuestFrame } from '../core/domain/guest-frame'

export type { GuestFrame } from '../core/domain/guest-frame'

export interface GuestOutputEvents {
  sent(frame: GuestFrame): void
  /** A copy of what has come for it, which it has, too. */
  came(frame: GuestFrame): void
  /** Once; nothing can be held or let go any more. The guest's output is thrown away until `end`. */
  failed(error: string): void
}

/** What a running guest sends to its networks, taken off its way. What comes for it is not held. */
export interface GuestOutput {
  /** In this order; the frames of one interface leave in the order in which the guest sent them. */
  release(frames: readonly GuestFrame[]): void
  /**
   * Resolves when all that the guest had sent up to its standing still has been told by `sent`. Only while it stands. Rejects with the
   * system's error.
   */
  settled(): Promise<void>
  /** What it sends goes its way again by itself. What was told and not released is lost, as on any network. */
  end(): Promise<void>
}

/** Takes hold of a running guest's output. Rejects with an error that says why; then nothing is held. */
export type HoldOutput = (events: GuestOutputEvents) => Promise<GuestOutput>

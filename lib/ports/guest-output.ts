/** A frame that a guest has sent, as it is handed on unchanged. */
export interface OutputFrame {
  /** Of the guest's network interfaces, counted from 0. */
  readonly nic: number
  readonly bytes: Buffer
}

export interface GuestOutputEvents {
  sent(frame: OutputFrame): void
  /** Once; nothing can be held or let go any more. The guest's output is thrown away until `end`. */
  failed(error: string): void
}

/** What a running guest sends to its networks, taken off its way. What comes for it is not touched. */
export interface GuestOutput {
  /** In this order; the frames of one interface leave in the order in which the guest sent them. */
  release(frames: readonly OutputFrame[]): void
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

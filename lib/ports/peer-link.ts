import type { PeerFrame } from '../wire/peer'

/**
 * Ordered frames to the other worker over all A-links. The link decides which connection carries what; it delivers every frame
 * sent while `up`, in order, exactly once, or reports `down` (then nothing is known about frames that were not answered).
 */
export interface PeerLink {
  send(frame: PeerFrame): void
  /** Bytes handed to send() that the other side has not confirmed, 64 for each frame's header included. */
  readonly queuedBytes: number
  close(reason: string): void
}

/** Where a frame's data lies. It may be used for what comes next once it is given back; that it never is does no harm. */
export interface FrameMemory {
  /** Once. `isFree`: nothing reads the data any more, nor will; a write that may still be on its way to a disk does. */
  giveBack(isFree: boolean): void
}

export interface PeerLinkEvents {
  up(link: PeerLink): void
  frame(frame: PeerFrame, link: PeerLink, memory: FrameMemory | null): void
  down(reason: string): void
}

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

export interface PeerLinkEvents {
  up(link: PeerLink): void
  frame(frame: PeerFrame, link: PeerLink): void
  down(reason: string): void
}

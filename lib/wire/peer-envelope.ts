import type { PeerFrame } from './peer'

/** What the two ends of a link tell each other about the link itself. */
export type LinkFrame =
  /** Asks for any answer; the other side sends `link-ack`. */
  | { readonly type: 'link-ping' }
  /** Carries nothing but the acknowledgement in its envelope. */
  | { readonly type: 'link-ack' }
  /** This side ends the link (not just this connection). */
  | { readonly type: 'bye'; readonly reason: string }

export type WireFrame = PeerFrame | LinkFrame

/** One frame on a connection, with what makes many connections one link. */
export interface Envelope {
  /** Random, drawn by the primary for each link: two links with the same linkId are still told apart. */
  readonly session: number
  /** In a hello: the link has been up, so a side that does not know it must not start it afresh. False elsewhere. */
  readonly resume: boolean
  /** Position in this direction's order, from 1; 0 for hello, welcome, refuse and link frames, which have none. */
  readonly position: number
  /** The sender has received every frame up to this position. */
  readonly received: number
  readonly frame: WireFrame
}

/** Frames without a position: they concern one connection and are never sent again on another. */
export const isPositioned = (frame: WireFrame): frame is PeerFrame => !UNPOSITIONED.has(frame.type)
const UNPOSITIONED: ReadonlySet<string> = new Set(['hello', 'welcome', 'refuse', 'link-ping', 'link-ack', 'bye'])

/** A write as large as NBD allows one, or the answer to such a read. */
export const PEER_PAYLOAD_BYTES_MAX = 32 * 1024 * 1024
/** Hello, welcome and other JSON: a VM has at most some hundred disks of about 80 bytes each. */
export const PEER_TEXT_BYTES_MAX = 64 * 1024

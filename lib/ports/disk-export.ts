import type { Extent } from '../core/domain/extent'

/** What a guest's disk client asks. Offsets and lengths in bytes, inside the disk; a write's data has `length` bytes. */
export interface DiskRequest {
  readonly kind: 'read' | 'write' | 'flush' | 'trim' | 'zero'
  /** 0 for flush. */
  readonly offset: number
  /** 0 for flush; at most 32 MiB for read and write, below 4 GiB for trim and zero. */
  readonly length: number
  /** Of a write only. */
  readonly data?: Buffer
  /** Zero only: the space may be given back. */
  readonly punch: boolean
  /** Answer only when it is on stable storage: the client asked for it, or `durable` is set. */
  readonly fua: boolean
  /** The client never showed that it knows flush (tapdisk), so each change it makes has to be safe when it is answered. */
  readonly durable: boolean
  /** Number of the connection, from 1, never used twice by one export. */
  readonly connection: number
  /**
   * Of a read only: `length` bytes to read into and to give as the reply's `data`, always the same ones. They are memory that the
   * export uses again and again, so such a read costs no new pages. Not to be touched once they are given.
   */
  readonly room?: () => Buffer
}

export interface DiskReply {
  /** 0, or a Linux errno; one that the protocol lacks reaches the client as EIO. */
  readonly error: number
  /** Of a read that went well: exactly the bytes asked for. Not to be changed afterwards, unless they are the request's `room`. */
  readonly data?: Buffer
  /** Of a write: nothing reads its data any more, nor will; the next write's may take their place. */
  readonly dataIsFree?: boolean
}

/** Calls `reply` exactly once, at any time and in any order; after the connection is gone the reply is dropped. */
export type DiskHandler = (request: DiskRequest, reply: (result: DiskReply) => void) => void

/** What is known of a stretch, in order, from `offset`; it may end early or late. None: nothing is known. */
export interface DiskExtentsReply {
  /** 0, or a Linux errno. */
  readonly error: number
  readonly extents: readonly Extent[]
}

/** Calls `reply` exactly once. `length` is below 4 GiB and inside the disk. `one`: nobody wants to know of more than the first. */
export type DiskExtents = (offset: number, length: number, one: boolean, reply: (result: DiskExtentsReply) => void) => void

export interface DiskExport {
  readonly connections: number
  /** Requests handed to the handler and not yet answered. */
  readonly inflight: number
  /** Ends every connection and removes the socket. */
  close(): Promise<void>
}

import { loadAddon } from '../system/native-addon'

/** One side of a conversation; what it is inside is the addon's. */
export type TlsSession = object

/** States that `open` tells. */
export const TLS_STATE = { greeting: 0, open: 1, over: 2, failed: 3 } as const

/** What lib/native/holdfast-tls.c offers. Lengths in bytes. */
export interface NativeTls {
  /** `key`: 32 bytes. */
  begin(isServer: boolean, identity: string, key: Buffer): TlsSession
  /**
   * Tells in `result` how much of `from` was used, how much of `into` was filled, the state, and how much the session has to tell by
   * itself. To be called with the rest of `from` until it neither uses nor fills anything.
   */
  open(session: TlsSession, from: Buffer, into: Buffer, result: Int32Array): void
  /** Puts `from`, sealed, into `into` at `at`, and answers where that ends; -1 when it does not fit or the session is not open. */
  seal(session: TlsSession, from: Buffer, into: Buffer, at: number): number
  /** Moves what the session has to tell by itself, and answers how much that is. */
  tell(session: TlsSession, into: Buffer): number
  /** What is sealed from now on has a new key; see SealedPipe. */
  renew(session: TlsSession): void
  /** Says goodbye, to be told. */
  end(session: TlsSession): void
  /** What went wrong; empty while nothing did. */
  why(session: TlsSession): string
}

const CALLS = ['begin', 'open', 'seal', 'tell', 'renew', 'end', 'why']

/** Null where there is none; see loadAddon. */
export const loadNativeTls = (folder?: string): NativeTls | null =>
  loadAddon('holdfast-tls.node', CALLS, folder) as NativeTls | null

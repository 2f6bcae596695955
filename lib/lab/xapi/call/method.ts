import type { CallContext, Ref, Value } from '../../contract'
import type { PoolDatabase } from '../database/database'
import type { Coordinator } from '../coordinator'

/** What this server's own methods are given beyond the contract. */
export interface XapiCall extends CallContext {
  readonly db: PoolDatabase
  readonly coordinator: Coordinator
}

export interface XapiMethod {
  /** Parameters after the session. */
  readonly params: readonly (readonly [name: string, type: string])[]
  /** The type of the result; XML-RPC needs it for floats and dates. */
  readonly result?: string
  /** Getters and setters have no Async form. */
  readonly syncOnly?: true
  readonly run: (call: XapiCall, args: readonly Value[]) => Promise<Value> | Value
}
export type XapiMethodTable = Readonly<Record<string, XapiMethod>>

/** Where a call came in. */
export interface Origin {
  /** The host at whose door it knocked. */
  readonly door: Ref
  /** Came by the unix socket: root without a password. */
  readonly isPreauthenticated: boolean
  /** A session that only the door's host knows; the call is run as root. */
  readonly localSession?: Ref
}

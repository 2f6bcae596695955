import type { PoolInventory } from '../core/domain/inventory'

/** A value of the API in its JSON form. References in answers are opaque texts that may be passed on to later calls. */
export type XapiValue = string | number | boolean | null | readonly XapiValue[] | { readonly [key: string]: XapiValue }

/** An object named by its uuid; the port turns it into a reference. A null uuid becomes the null reference. */
export interface XapiObject {
  readonly xapiClass: XapiClass
  readonly uuid: string | null
}
export type XapiClass = 'VM' | 'host' | 'pool' | 'VDI' | 'VBD' | 'SR' | 'PBD' | 'VIF' | 'PIF' | 'network' | 'task'
export type XapiArgument = XapiValue | XapiObject

export interface XapiCallOptions {
  /** Ours, from the moment of the call, logging in included. The request is then abandoned, not undone. */
  readonly deadlineMs: number
  /** `local`: with a session that lives in this host's xapi and answers without the coordinator. Default `pool`. */
  readonly where?: 'pool' | 'local'
}

/** The pool's XAPI as seen from this host. Comes and goes with xapi by itself; says so once in the log. */
export interface XapiPort {
  /** The last view; null until there was one. Kept while xapi is silent: `reachable` tells whether it is fresh. */
  inventory(): PoolInventory | null
  /** Called after every change of the view or of `reachable`. */
  onChange(listener: () => void): void
  /** The event stream is up: the view is at most about a second behind. */
  readonly reachable: boolean
  /**
   * `method` without the session, e.g. `call('VM.clean_shutdown', [{ xapiClass: 'VM', uuid }], { deadlineMs: 60_000 })`. Rejects with
   * XapiFailure only. Reads (`*.get_*`) are repeated until the deadline when a connection breaks; writes never.
   */
  call(method: string, args: readonly XapiArgument[], options: XapiCallOptions): Promise<XapiValue>
  /** Starts the event stream afresh, e.g. after this host became coordinator. */
  refresh(): void
  close(): Promise<void>
}

export type XapiFailureKind =
  /** No answer before the deadline, or the connection broke: nothing is known about whether the call took effect. */
  | 'xapi-silent'
  /** Nobody listens on the socket: the call took no effect. */
  | 'xapi-down'
  /** HOST_IS_SLAVE: `params[0]` is the coordinator's address. */
  | 'not-coordinator'
  /** XAPI refused or failed: `code` and `params` are its own. */
  | 'xapi-error'

export class XapiFailure extends Error {
  override readonly name = 'XapiFailure'
  constructor(
    readonly kind: XapiFailureKind,
    readonly method: string,
    /** XAPI's error code, or the system's (`ECONNREFUSED`), or `DEADLINE`. */
    readonly code: string,
    readonly params: readonly string[] = [],
  ) {
    super(`${method}: ${kind} ${[code, ...params].join(' ')}`)
  }
}

import type { Mark } from '../domain/replica-request'
import type { Members, MirrorEffect, Side } from './events'

export interface StandingNeeds {
  readonly out: (effect: MirrorEffect) => void
  /** `then` follows when the mark is on stable storage; a replica that cannot be marked fails. */
  readonly mark: (side: Side, mark: Mark, then: () => void) => void
  /** The replica can be asked again: it gets whatever is under way. `anew`: what it had confirmed may be lost. */
  readonly catchUp: (side: Side, anew: boolean) => void
  /** Changes that this replica was not asked for are marked as lacking there. */
  readonly markUnderWay: (side: Side) => void
  readonly resyncBegins: (side: Side) => void
  readonly resyncEnds: (side: Side) => void
  /** A replica knows that it is not alone any more. What it noted meanwhile is forgotten when all of that is settled. */
  readonly joined: () => void
  /** A random name for a history that begins, 16 hex digits. */
  readonly newGeneration: () => string
}

export interface StandingOptions {
  readonly sizeBytes: number
  readonly listed: Members
  readonly tracked: boolean
  readonly patient?: boolean
}

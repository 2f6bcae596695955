import type { LeaseNote } from '../domain/lease-note'

export type StopVerb = 'pause' | 'destroy'

/** One domain whose deadline is over. */
export interface DomainStop {
  /** The deadline it is about; another one begins another stop. */
  readonly untilMs: number
  lease: LeaseNote
  verb: StopVerb
  state: 'asking' | 'held' | 'gone'
  /** When `verb` began to be asked for, or was confirmed. */
  sinceMs: number
  /** Under way; null: none. */
  attempt: number | null
  everStopped: boolean
  /** How long after it was seen to stand it is looked at again. */
  againMs: number
  fencedAtMs: number
}

/**
 * Xen counts pauses, and each has to be taken back: a guest that its own worker pauses in time is better not paused twice. More
 * would leave less of the time between the deadline and the end of the lease.
 */
export const HEAD_START_MS = 100
export interface StopLimits {
  /**
   * How long a pause may take, at least, before the domain is destroyed instead, and that before its host is fenced. A lease may leave
   * more for the pause. Milliseconds.
   */
  readonly pause: number
  readonly destroy: number
}

export const STOP_LIMITS: StopLimits = {
  /**
   * Another host may have the claim 200 ms after this began. It still has to look, to attach and to boot, and a busy control domain has
   * time until then: a guest that is only paused goes on when the lease is confirmed, and one that was destroyed does not.
   */
  pause: 1000,
  destroy: 1000,
}
/** What a worker asked for in the last moment of its lease may come after our pause. */
export const HOLD_AGAIN_MS = 1000
/** A domain is built standing, and started then: one that stands although nobody paused it for its lease may be let go at any moment. */
export const LOOK_AGAIN_MS = 100
/** A guest that was seen to stand is not destroyed because a busy machine is slow to say so once more. */
export const HOLD_LIMIT_MS = 10_000

/** From `nowMs`, not from the deadline: a watchdog that was started late goes through every step all the same. */
export const beginStop = (lease: LeaseNote, untilMs: number, nowMs: number): DomainStop => ({
  ...{ untilMs, lease, verb: lease.then, state: 'asking', sinceMs: nowMs },
  ...{ attempt: null, everStopped: false, againMs: HOLD_AGAIN_MS, fencedAtMs: Number.NEGATIVE_INFINITY },
})

/** A pause that is under way does not matter any more. */
export function turnToDestroy(stop: DomainStop, nowMs: number): void {
  Object.assign(stop, { verb: 'destroy', state: 'asking', sinceMs: nowMs, attempt: null } satisfies Partial<DomainStop>)
}

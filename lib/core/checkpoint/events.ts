import type { ClaimedMemory } from '../domain/guest-memory'

export type { ClaimedMemory } from '../domain/guest-memory'

/**
 * An epoch is what a guest does between two pauses; its number is that of the pause that ends it. Epoch 0 ends the first copy.
 * `run`: one life of lockstep, from its first copy to its end. Drawn by the primary's worker; no two of a VM are ever equal.
 * `attempt`: which pause an answer is about. All times are milliseconds of the machine's monotonic clock.
 */
export type EpochEvent =
  /** First of all. `fresh`: this worker knows that the claim names no memory of this VM, and no such change of it is under way. */
  | { readonly on: 'start'; readonly nowMs: number; readonly fresh: boolean }
  /** The peer is connected and listed in the claim, and the guest is to be in lockstep with it. Only while `life` is alone. */
  | { readonly on: 'begin'; readonly nowMs: number; readonly run: number }
  | { readonly on: 'paused' | 'resumed'; readonly nowMs: number; readonly attempt: number }
  /** All that has changed is in our memory, as parts of its epoch. `bytes` of them. */
  | { readonly on: 'captured'; readonly nowMs: number; readonly attempt: number; readonly bytes: number }
  | {
      readonly on: 'pause-failed' | 'capture-failed' | 'resume-failed'
      readonly nowMs: number
      readonly attempt: number
      readonly error: string
    }
  /** A pass of the first copy is on its way: so many bytes were sent. */
  | { readonly on: 'passed'; readonly nowMs: number; readonly run: number; readonly bytes: number }
  | { readonly on: 'pass-failed'; readonly nowMs: number; readonly run: number; readonly error: string }
  /** What the standby says. */
  | { readonly on: 'begun' | 'left' | 'pressed'; readonly nowMs: number; readonly run: number }
  | { readonly on: 'ack'; readonly nowMs: number; readonly run: number; readonly epoch: number }
  | { readonly on: 'standby-failed'; readonly nowMs: number; readonly run: number; readonly error: string }
  /** The guest sent something, which is held. */
  | { readonly on: 'output'; readonly nowMs: number }
  /** The conversation with the peer is over; a new one begins anew. */
  | { readonly on: 'peer-lost'; readonly nowMs: number; readonly error: string }
  /** Lockstep is not wanted any more, or is not possible. */
  | { readonly on: 'leave'; readonly nowMs: number; readonly why: string }
  /**
   * The claim does not list the peer any more, by the mirror's wish. A change of ours may be stored after that one, so it does not
   * say that nobody may load this run.
   */
  | { readonly on: 'unlisted'; readonly nowMs: number }
  /** What the witness has stored, as it was asked here: this run's memory counts; none does; none does and the peer is not listed either. */
  | { readonly on: 'claimed'; readonly nowMs: number; readonly claim: ClaimedMemory; readonly run: number }
  /** Another host holds the claim. */
  | { readonly on: 'spent'; readonly nowMs: number }
  | { readonly on: 'tick'; readonly nowMs: number }

export type EpochEffect =
  | { readonly do: 'pause' | 'resume'; readonly attempt: number }
  /** Before the guest goes on: what the peer was told up to now, and what is held up to now, is of this epoch. */
  | { readonly do: 'cut'; readonly run: number; readonly epoch: number }
  | { readonly do: 'capture'; readonly epoch: number; readonly attempt: number }
  /** Its parts go to the peer, and then its end. */
  | { readonly do: 'send'; readonly run: number; readonly epoch: number }
  /** Copies what has changed since the last pass, as parts of epoch 0, while the guest runs. */
  | { readonly do: 'pass'; readonly run: number; readonly pass: number }
  /** Nothing is captured any more, and what is captured and not sent is dropped. */
  | { readonly do: 'end-capture' }
  /** To the peer. */
  | { readonly do: 'begin' | 'leave'; readonly run: number }
  /** To be stored by the witness, in this order, until it is or the term is spent; answered by `claimed`. */
  | { readonly do: 'claim'; readonly claim: ClaimedMemory; readonly run: number }
  /** From now on a change of the guest's disk is answered when the local replica has it; when both have it. */
  | { readonly do: 'answer'; readonly when: 'local' | 'both' }
  /** The guest's output: hold it; let go what is of this epoch or an earlier one; all of it, also what comes; throw it away. */
  | { readonly do: 'hold' | 'free' | 'drop' }
  | { readonly do: 'release'; readonly epoch: number }
  /** This host's guest may not go on. */
  | { readonly do: 'destroy' }
  | { readonly do: 'tell'; readonly news: EpochNews }

export type EpochNews =
  | { readonly what: 'preparing' | 'lockstep'; readonly run: number }
  | { readonly what: 'left'; readonly run: number; readonly why: string }
  | { readonly what: 'epoch-failed'; readonly epoch: number; readonly why: string }
  | { readonly what: 'guest-not-resumed'; readonly error: string }
  | ({ readonly what: 'cannot-keep-up' } & Evidence)
  | { readonly what: 'keeps-up' }

/** For how long output waits, and what the guest changes and the peer confirms. */
export interface Evidence {
  readonly waitingMs: number
  readonly changedBytesPerSecond: number
  readonly confirmedBytesPerSecond: number
}

import type { BlockRun } from '../domain/dirty-bitmap'
import type { GuestRequest, Hint, Presence, ReplicaRequest } from '../domain/replica-request'
import type { DirtyBitmap } from '../domain/dirty-bitmap'

/** The two replicas of a disk as its primary worker sees them. */
export type Side = 'local' | 'peer'
export const SIDES: readonly Side[] = ['local', 'peer']
export const otherSide = (side: Side): Side => (side === 'local' ? 'peer' : 'local')

export type Members = Readonly<Record<Side, boolean>>

export type MirrorEvent =
  | { readonly on: 'request'; readonly id: number; readonly request: GuestRequest }
  /** A replica has done (or failed) what an effect asked. `error` is '' or the system's code. */
  | { readonly on: 'done'; readonly side: Side; readonly op: number; readonly error: string; readonly data?: Buffer }
  /** A replica can be used. `bits`: the blocks in which it may differ from the other one. */
  | { readonly on: 'replica-up'; readonly side: Side; readonly presence: Presence; readonly bits: DirtyBitmap }
  | { readonly on: 'replica-down'; readonly side: Side; readonly error: string }
  /** A flush of one that is down failed when it was looked at: what its device had been given before may be lost. */
  | { readonly on: 'unkept'; readonly side: Side; readonly error: string }
  /**
   * What the witness has stored, as far as is known for certain. `isStored`, if it is false: it does not answer, and the pool wants this
   * host to go on alone all the same; what it says of the older claim later is left aside.
   */
  | { readonly on: 'claimed'; readonly members: Members; readonly isStored?: boolean }
  /** Whether a claim says whose bytes count, so that the replicas must tell what the other one may lack. */
  | { readonly on: 'tracked'; readonly tracked: boolean }
  /** While the lease is not valid nothing is started and nothing is answered. */
  | { readonly on: 'lease'; readonly valid: boolean }
  /** Resyncs, and members that are compared, may copy so many bytes, and then wait for the next such event. What begins has no limit yet. */
  | { readonly on: 'allow'; readonly bytes: number }
  /**
   * When a change of the guest is answered. `local`: as soon as the local replica has it; the peer's gets it all the same, in order, and
   * tells late that it has it. Whoever says so sees to it that nobody sees anything of this guest before the peer could go on in its place;
   * and that what the peer was asked for and has not answered yet is done in order, too.
   */
  | { readonly on: 'answer-when'; readonly when: 'local' | 'both' }
  /** The guest has asked for nothing in a while. */
  | { readonly on: 'idle' }
  /** A listed replica that has not come since the start is no longer waited for. */
  | { readonly on: 'start-is-over' }
  /**
   * The operator has said that this replica's history is not wanted: it is to become what the other one is. Of one that serves,
   * said after its loss (`replica-down`), while no guest uses the disk.
   */
  | { readonly on: 'give-up'; readonly side: Side }
  /** Compares the replicas, from the first block on. */
  | { readonly on: 'verify'; readonly repair: boolean }

export type MirrorEffect =
  | { readonly do: 'io'; readonly side: Side; readonly op: number; readonly request: ReplicaRequest }
  | { readonly do: 'hint'; readonly side: Side; readonly hint: Hint }
  /** `error` is '' or the system's code; `data` for reads. `free`: nobody works on the request's own data any more. */
  | { readonly do: 'reply'; readonly id: number; readonly error: string; readonly free: boolean; readonly data?: Buffer }
  /** The claim should list these; answered by `claimed` when the witness has stored it. */
  | { readonly do: 'propose'; readonly members: Members; readonly rule: string; readonly error: string }
  | { readonly do: 'note'; readonly act: string; readonly rule: string; readonly side: Side; readonly error: string }
  /** Blocks that a verify found to differ. */
  | { readonly do: 'differ'; readonly runs: readonly BlockRun[]; readonly repaired: boolean }
  /** `why`: '' when all of the disk was compared. */
  | { readonly do: 'verified'; readonly why: string }

import type { DeciderNote, Noted } from '../core/domain/decider-note'
import type { Hint, Mark, Presence } from '../core/domain/replica-request'
import type { EpochFrame } from './peer-epochs'

/**
 * Worker to worker. `volume` is the index into the list of volume keys agreed in hello/welcome; `seq` is chosen by the asker,
 * grows with each request of one volume, and is answered once by `done` or `data`. Every connection begins with hello (primary) and welcome or refuse (secondary).
 */
export type PeerFrame =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'welcome'; readonly welcome: Welcome }
  | { readonly type: 'refuse'; readonly refuse: { readonly code: PeerRefusal; readonly text: string; readonly term: number } }
  | {
      readonly type: 'write'
      readonly seq: number
      readonly volume: number
      readonly offset: number
      readonly data: Buffer
      readonly term: number
      readonly fua: boolean
    }
  | {
      readonly type: 'zero'
      readonly seq: number
      readonly volume: number
      readonly offset: number
      readonly length: number
      readonly punch: boolean
      readonly term: number
      readonly fua: boolean
    }
  | { readonly type: 'flush'; readonly seq: number; readonly volume: number; readonly term: number }
  | {
      readonly type: 'read'
      readonly seq: number
      readonly volume: number
      readonly offset: number
      readonly length: number
      readonly term: number
    }
  /** Answered by the digests of the range's blocks. */
  | {
      readonly type: 'hash'
      readonly seq: number
      readonly volume: number
      readonly offset: number
      readonly length: number
      readonly term: number
    }
  | { readonly type: 'mark'; readonly seq: number; readonly volume: number; readonly mark: Mark; readonly term: number }
  /** Not answered. */
  | { readonly type: 'hint'; readonly volume: number; readonly hint: Hint; readonly term: number }
  | {
      readonly type: 'done'
      readonly seq: number
      readonly volume: number
      /** empty: no error; else the system's code, `EIO`, or `TERM` */ readonly error: string
    }
  | { readonly type: 'data'; readonly seq: number; readonly volume: number; readonly data: Buffer }
  | { readonly type: 'ping'; readonly id: number; readonly term: number; readonly guestActive: boolean }
  /** The primary gave its claim away, and answers nothing any more: what it was promised binds nobody. Nothing follows. Not answered. */
  | { readonly type: 'spent'; readonly term: number }
  /** Also a promise: this side will not take the claim within leaseMs of sending this. */
  | { readonly type: 'pong'; readonly id: number }
  /** A page of a replica's dirty bitmap (see replica-format). The pages in use come before `present`. */
  | { readonly type: 'bits'; readonly volume: number; readonly page: number; readonly data: Buffer }
  /** The secondary's replica of one volume can be used: said of each one after the welcome, and again when one comes back. */
  | { readonly type: 'present'; readonly volume: number; readonly presence: Presence }
  /** It failed. */
  | { readonly type: 'gone'; readonly volume: number; readonly error: string }
  /** What the primary has noted about the witnesses; to one whose welcome says that it keeps notes. */
  | { readonly type: 'note'; readonly note: DeciderNote; readonly term: number }
  /** The answer, once as much is on stable storage; none comes from one that does not agree. */
  | { readonly type: 'noted'; readonly noted: Noted }
  | EpochFrame

export interface Hello {
  readonly protocol: typeof PEER_PROTOCOL
  readonly pool: string
  readonly vm: string
  readonly host: string
  /** Names the primary's process: a new one numbers its requests anew and has forgotten what was under way. */
  readonly incarnation: string
  readonly term: number
  /** Same for every connection of one link; a higher one supersedes the older ones. */
  readonly linkId: number
  readonly volumes: readonly { readonly key: string; readonly sizeBytes: number }[]
}

export interface Welcome {
  readonly protocol: typeof PEER_PROTOCOL
  readonly host: string
  /** It understands a `note`. Absent: it is of an earlier release. */
  readonly notes?: true
  /** It understands an EpochOrder. Absent: it is of an earlier release, or cannot stand by. */
  readonly lockstep?: true
}

/** 2: replicas tell their history and what they may lack. */
export const PEER_PROTOCOL = 2

/** `SEALED`: it is taking the claim over. */
export type PeerRefusal = 'TERM' | 'SEALED' | 'SIZE' | 'VOLUMES' | 'VM' | 'PROTOCOL'

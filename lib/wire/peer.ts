/**
 * Worker to worker. `volume` is the index into the list of volume keys agreed in hello/welcome; `seq` is chosen by the asker and
 * answered once by `done` or `data`. Every connection begins with hello (primary) and welcome or refuse (secondary).
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
  | {
      readonly type: 'done'
      readonly seq: number
      /** empty: no error; else the system's code, `EIO`, or `TERM` */ readonly error: string
    }
  | { readonly type: 'data'; readonly seq: number; readonly data: Buffer }
  | { readonly type: 'ping'; readonly id: number; readonly term: number; readonly guestActive: boolean }
  /** Also a promise: this side will not take the claim within leaseMs of sending this. */
  | { readonly type: 'pong'; readonly id: number }
  /** The replica of one volume failed or came back on the secondary. */
  | { readonly type: 'replica'; readonly volume: number; readonly usable: boolean; readonly error: string }

export interface Hello {
  readonly protocol: 1
  readonly pool: string
  readonly vm: string
  readonly host: string
  readonly term: number
  /** Same for every connection of one link; a higher one supersedes the older ones. */
  readonly linkId: number
  readonly volumes: readonly { readonly key: string; readonly sizeBytes: number }[]
}

export interface Welcome {
  readonly protocol: 1
  readonly host: string
  /** A new text each time the machine (and so its cache of unflushed writes) or the worker may have been lost. */
  readonly incarnation: string
  readonly volumes: readonly {
    readonly key: string
    readonly state: 'up-to-date' | 'inconsistent' | 'outdated' | 'failed'
    /** Names the replica's contents: a new or replaced disk has a new one. */
    readonly replica: string
  }[]
}

export type PeerRefusal = 'TERM' | 'SIZE' | 'VOLUMES' | 'VM' | 'PROTOCOL'

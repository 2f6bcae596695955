/** `run`, `epoch`: as the primary numbers them. What the primary says comes in its order. */
export type StandbyEvent<Change> =
  | FromPrimary<Change>
  /** A paused standby of the VM is there to be filled, or there will be none. */
  | { readonly on: 'prepared'; readonly run: number; readonly error: string }
  /** The standby has the memory of this epoch. `error`: '' or why it has not. */
  | { readonly on: 'applied'; readonly run: number; readonly epoch: number; readonly error: string }
  /** The changes of the latest `write` are on the replica. */
  | { readonly on: 'written'; readonly error: string }
  /** The primary has begun a new conversation: nothing of the former one comes any more. */
  | { readonly on: 'session' }
  /** Before the claim is asked for; it was not given. */
  | { readonly on: 'seal' | 'unseal' }
  /** The claim is this host's. `claimed`: the run that it named before; null when it named none. */
  | { readonly on: 'take-over'; readonly claimed: number | null }

export type FromPrimary<Change> =
  | { readonly on: 'begin'; readonly run: number }
  | OfRun
  /** Of the disk; a flush is one, too. `bytes` of data. */
  | { readonly on: 'change'; readonly change: Change; readonly bytes: number }

export type OfRun =
  | { readonly on: 'leave'; readonly run: number }
  | {
      readonly on: 'part'
      readonly run: number
      readonly epoch: number
      readonly kind: 'memory' | 'device'
      readonly bytes: number
    }
  | { readonly on: 'cut'; readonly run: number; readonly epoch: number }
  | { readonly on: 'end'; readonly run: number; readonly epoch: number; readonly parts: number }

export type StandbyEffect<Change> =
  | { readonly do: 'prepare'; readonly run: number }
  /** Memory parts of this epoch into the standby's memory, in their order; they stay until it is answered by `applied`. */
  | { readonly do: 'apply'; readonly run: number; readonly epoch: number }
  /** To the replica, so that what comes later in the list is what is there in the end. One at a time; answered by `written`. */
  | { readonly do: 'write'; readonly changes: readonly Change[] }
  /** Parts and standby of this run are of no use any more. */
  | { readonly do: 'forget'; readonly run: number }
  /** To the primary. */
  | { readonly do: 'begun' | 'left' | 'press'; readonly run: number }
  | { readonly do: 'ack'; readonly run: number; readonly epoch: number }
  | { readonly do: 'failed'; readonly run: number; readonly error: string }
  /** So many changes of an epoch that was not committed are dropped. */
  | { readonly do: 'dropped'; readonly changes: number }
  /** The guest goes on from the end of this epoch: memory and disk are there. */
  | { readonly do: 'load'; readonly run: number; readonly epoch: number }
  /** The guest starts from its disk, as at the level redirect. */
  | { readonly do: 'restart' }
  /** Neither is right here. */
  | { readonly do: 'cannot'; readonly why: string }

import type { Hint, ReplicaRequest } from '../domain/replica-request'
import type { Generations, ReplicaMetadata } from '../domain/volume'

export type KeeperEvent =
  /** `seq` grows with each request of one primary. */
  | { readonly on: 'ask'; readonly id: number; readonly seq: number; readonly request: ReplicaRequest }
  /** The save that was asked for last is on stable storage. */
  | { readonly on: 'saved' }
  | { readonly on: 'hint'; readonly hint: Hint }
  /** Whoever asked is gone; the same primary will ask again for what it still wants. */
  | { readonly on: 'link-lost' }
  /** Another primary will number its requests anew: what the old one left open goes to the bitmap. Answered by `ready`. */
  | { readonly on: 'new-primary' }
  /** Nothing has been asked for a while. */
  | { readonly on: 'idle' }

/** One save at a time: each is answered by `saved`, or the replica has failed. */
export type KeeperEffect =
  | { readonly do: 'perform'; readonly id: number }
  /** It was asked by a primary that is gone. */
  | { readonly do: 'cancel'; readonly id: number }
  /** A mark is made. */
  | { readonly do: 'marked'; readonly id: number }
  /** Bitmap and head are what a primary may be told. */
  | { readonly do: 'ready' }
  | { readonly do: 'save-hot'; readonly extents: readonly number[] }
  | { readonly do: 'save-pages'; readonly pages: ReadonlyMap<number, Buffer> }
  | { readonly do: 'save-head'; readonly change: { state?: ReplicaMetadata['state']; generations?: Generations } }

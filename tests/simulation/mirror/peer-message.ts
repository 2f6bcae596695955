import type { DirtyBitmap } from '../../../lib/core/domain/dirty-bitmap'
import type { Hint, Presence, ReplicaRequest } from '../../../lib/core/domain/replica-request'

/** What two workers say to each other. */
export type PeerMessage =
  | { readonly type: 'welcome' }
  | { readonly type: 'io'; readonly op: number; readonly request: ReplicaRequest; readonly term: number }
  | { readonly type: 'done'; readonly op: number; readonly error: string; readonly data: Buffer | undefined }
  | { readonly type: 'hint'; readonly hint: Hint; readonly term: number }
  | { readonly type: 'ping'; readonly id: number; readonly term: number }
  | { readonly type: 'pong'; readonly id: number }
  | { readonly type: 'present'; readonly presence: Presence; readonly bits: DirtyBitmap }
  | { readonly type: 'gone'; readonly error: string }

export interface Hello {
  /** Names the primary's process. */
  readonly incarnation: string
  readonly term: number
}

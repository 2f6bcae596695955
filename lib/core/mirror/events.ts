/** The two replicas of a disk as its primary worker sees them. */
export type Side = 'local' | 'peer'
export const SIDES: readonly Side[] = ['local', 'peer']
export const otherSide = (side: Side): Side => (side === 'local' ? 'peer' : 'local')

/** What a guest asks. Offsets and lengths in bytes; the payload travels by reference and is never copied. */
export type GuestRequest =
  | { readonly kind: 'read'; readonly offset: number; readonly length: number }
  | { readonly kind: 'write'; readonly offset: number; readonly length: number; readonly data: Buffer; readonly fua: boolean }
  | { readonly kind: 'zero'; readonly offset: number; readonly length: number; readonly punch: boolean; readonly fua: boolean }
  | { readonly kind: 'flush'; readonly offset: 0; readonly length: 0 }

export type Members = Readonly<Record<Side, boolean>>

export type MirrorEvent =
  | { readonly on: 'request'; readonly id: number; readonly request: GuestRequest }
  /** A replica has done (or failed) what an effect asked. `error` is '' or the system's code. */
  | { readonly on: 'done'; readonly side: Side; readonly op: number; readonly error: string; readonly data?: Buffer }
  /**
   * A replica can be used. `identity` names its contents (a new disk has a new one), `incarnation` the machine that caches its
   * unflushed writes. `sound` is what the replica says of itself.
   */
  | {
      readonly on: 'replica-up'
      readonly side: Side
      readonly identity: string
      readonly incarnation: string
      readonly sound: boolean
    }
  | { readonly on: 'replica-down'; readonly side: Side; readonly error: string }
  /** What the witness has stored, as far as is known for certain. */
  | { readonly on: 'claimed'; readonly members: Members }
  /** While the lease is not valid nothing is started and nothing is answered. */
  | { readonly on: 'lease'; readonly valid: boolean }

export type MirrorEffect =
  | { readonly do: 'io'; readonly side: Side; readonly op: number; readonly request: GuestRequest }
  /** `error` is '' or the system's code; `data` for reads. */
  | { readonly do: 'reply'; readonly id: number; readonly error: string; readonly data?: Buffer }
  /** The claim should list these; answered by `claimed` when the witness has stored it. */
  | { readonly do: 'propose'; readonly members: Members; readonly rule: string; readonly error: string }
  | { readonly do: 'note'; readonly act: string; readonly rule: string; readonly side: Side; readonly error: string }

import type { HostUuid } from './ids'

/** Why a silent host is believed to be without power. What was only asked for, or not answered, never makes one. */
export interface FenceProof {
  readonly host: HostUuid
  /** Its power switch said so twice, or an operator did. */
  readonly by: 'power' | 'operator'
  /** When what proves it was asked for, on the monotonic clock of this process. */
  readonly atMs: number
  /** From then on it proves nothing, on the same clock: a machine may have started. Null: until the host is seen. */
  readonly voidAtMs: number | null
}

/** What a power switch says of a host. `unknown`: it did not answer, not in time, or not in words that are understood. */
export type PowerStatus = 'on' | 'off' | 'unknown'

/** What became of the wish to switch a host off. Neither says that it is off. */
export type PowerOffOutcome = 'asked' | 'failed'

/** Why a proof ends. */
export type VoidRule = 'host-seen' | 'seen-by-others' | 'power-is-on' | 'proof-lapsed'

/** Why an operator's word on a host is not wanted. */
export type Objection =
  | 'not-suspected'
  | 'lease-current'
  | 'lease-over'
  | 'others-not-asked'
  | 'seen-by-others'
  | 'power-is-on'
  | 'power-not-tried'
  | 'proven-already'

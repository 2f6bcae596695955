import type { FenceProof, Objection, PowerOffOutcome, PowerStatus, VoidRule } from '../domain/fence'
import type { HostUuid } from '../domain/ids'

/** All times: milliseconds of one monotonic clock. Any event may be the first to tell that time has passed. */
export type LadderEvent = { readonly atMs: number } & (
  | { readonly on: 'suspected' }
  /** Heard here: a heartbeat, a frame, a note at the witness. */
  | { readonly on: 'seen' }
  /** Every other host that can be asked was asked: these hear it. */
  | { readonly on: 'others-see'; readonly hosts: readonly HostUuid[] }
  /** The witness says that the host holds nothing any more. */
  | { readonly on: 'lease-over' }
  /** Whether a VM would be taken over here if the host were proven off, as the witness says. */
  | { readonly on: 'at-stake'; readonly isAtStake: boolean }
  | { readonly on: 'asked'; readonly ask: number; readonly outcome: PowerOffOutcome }
  | { readonly on: 'power'; readonly ask: number; readonly status: PowerStatus }
  | { readonly on: 'operator-confirms'; readonly who: string }
  /** What an operator confirmed is on stable storage, or cannot be put there: the one of this number. */
  | { readonly on: 'saved' | 'not-saved'; readonly save: number }
  | { readonly on: 'tick' }
)

export type LadderEffect =
  | { readonly do: 'power-off' | 'power-status'; readonly ask: number }
  /** Now, or for longer than was told before. */
  | { readonly do: 'proof'; readonly proof: FenceProof }
  | { readonly do: 'void'; readonly rule: VoidRule }
  /** Null: an operator may confirm. Otherwise why not. */
  | { readonly do: 'offer'; readonly against: Objection | null }
  | { readonly do: 'refuse'; readonly against: Objection }
  /** To stable storage, and then `saved` or `not-saved`. */
  | { readonly do: 'save'; readonly save: number; readonly who: string }
  /** From stable storage. */
  | { readonly do: 'forget' }

import type { Claim, StoredClaim } from '../core/domain/claim'

/**
 * The third vote. Every method rejects with WitnessUnreachable when no answer came within its deadline: then nothing is known
 * about whether a change was made, and the caller must read before it tries again.
 *
 * What is read then is final: a later answer to this client is given only when the request that was lost can change nothing any
 * more. So a claim that a holder reads after a lost change of its own stays as it read it until somebody else changes it.
 */
export interface WitnessPort {
  read(vm: string): Promise<StoredClaim | null>
  /**
   * Stores `next` if the stored revision is `expected` (0: no claim is stored yet). With `requireLeaseOver`, also only when
   * the witness has not heard the present holder for leaseOverAfterMs(leaseMs), unless `with` is the run that the stored claim names, and
   * the next holder its secondary: in lockstep a holder is harmless under a running lease.
   */
  compareAndSwap(expected: number, next: Claim, options?: SwapOptions): Promise<CasAnswer>
  /** Extends the lease from the moment the witness receives this. */
  renew(vm: string, term: number, holder: string): Promise<RenewAnswer>
  /** Forgets the claim if its stored revision is the one of `seen`. */
  remove(seen: StoredClaim): Promise<CasAnswer>
  /**
   * Makes this witness the one that decides: stores `next`, whose generation is at least 1, where a claim of a lower generation or none is
   * stored, whatever its term, and starts a whole lease of its holder. Asked again it changes nothing.
   * @returns what is stored now, by this request or not; null: nothing is, and there is no room
   */
  carry(next: Claim): Promise<StoredClaim | null>
  /** Names the keeper of the claims, wherever it is reached; null before its first answer. */
  readonly id: string | null
  readonly reachable: boolean
  close(): void
}

export interface SwapOptions {
  readonly requireLeaseOver?: boolean
  readonly with?: number | undefined
}

export type CasAnswer =
  | { readonly stored: true; readonly revision: number }
  | {
      readonly stored: false
      readonly why: 'revision' | 'lease' | 'full'
      readonly current: StoredClaim | null
      readonly leaseLeftMs: number
    }

export type RenewAnswer = { readonly renewed: true } | { readonly renewed: false; readonly current: StoredClaim | null }

export class WitnessUnreachable extends Error {
  override readonly name = 'WitnessUnreachable'
}

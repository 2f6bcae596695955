import { hostsOf, isRedundant, type Claim } from '../domain/claim'
import type { HostUuid } from '../domain/ids'

/** What is to become of a copy on a host that is none of the VM's two any more. `keep`: for now, nobody needs to know. */
export type FormerCopyVerdict =
  | { readonly verdict: 'drop' | 'keep' }
  /** Until an operator has decided. `why`: a sentence. */
  | { readonly verdict: 'left'; readonly why: string }

export interface FormerCopyFacts {
  readonly host: HostUuid
  readonly claim: Claim
  /** By the pool's settings, this host might have gone on alone while nobody heard it. */
  readonly mayHaveGoneOn: boolean
  /** An operator had a history set aside beside it. */
  readonly hasSetAside: boolean
}

/**
 * It goes when two other hosts have every byte of every disk. Before that it is old, but it may be what is left one day; and what may hold
 * writes of its own is never thrown away by itself.
 */
export function formerCopy({ host, claim, mayHaveGoneOn, hasSetAside }: FormerCopyFacts): FormerCopyVerdict {
  if (claim.holder === host || claim.lockstep?.secondary === host || hostsOf(claim).includes(host)) return { verdict: 'keep' }
  if (!isRedundant(claim)) return { verdict: 'keep' }
  if (claim.lossAccepted !== undefined) return left('the VM was once promoted in spite of missing writes, and they may be in it')
  if (mayHaveGoneOn) return left('this host goes on without quorum, and it may hold writes of its own')
  return hasSetAside ? left('an operator had a history kept beside it') : { verdict: 'drop' }
}

const left = (why: string): FormerCopyVerdict => ({
  verdict: 'left',
  why: `The VM has two other copies; the one on this host stays, because ${why}. Unprotecting the VM removes it.`,
})

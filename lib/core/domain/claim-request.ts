import type { Claim, StoredClaim } from './claim'
import type { HostUuid, VmUuid } from './ids'

/** What a host may ask of a witness about the claims of its own pool. */
export type ClaimRequest =
  /** Nothing but an answer: tells the asker that the witness lives. */
  | { readonly op: 'ping' }
  | { readonly op: 'read'; readonly vm: VmUuid }
  | {
      readonly op: 'cas'
      readonly expected: number
      readonly next: Claim
      readonly requireLeaseOver: boolean
      /** See takesWithMemory: for that taker a running lease counts as over. */
      readonly with?: number | undefined
    }
  /** Makes this witness the one that decides: stores `next` where its generation is higher than what is stored, whatever that is. */
  | { readonly op: 'carry'; readonly next: Claim }
  | { readonly op: 'renew'; readonly vm: VmUuid; readonly term: number; readonly holder: HostUuid }
  | { readonly op: 'remove'; readonly vm: VmUuid; readonly expected: number }
  /** One page of at most CLAIM_LIMITS.listPage claims, in order of `vm`, beginning behind `after`. */
  | { readonly op: 'list'; readonly after: VmUuid | null }

export type ClaimAnswer =
  | { readonly op: 'ping' }
  | { readonly op: 'read'; readonly found: StoredClaim | null }
  | { readonly op: 'stored'; readonly revision: number }
  | {
      readonly op: 'refused'
      readonly by: 'revision' | 'lease' | 'full'
      readonly current: StoredClaim | null
      readonly leaseLeftMs: number
    }
  /** What is stored now, be it by this request or not; null where nothing is, and there is no room. */
  | { readonly op: 'carried'; readonly found: StoredClaim | null }
  | { readonly op: 'renewed' }
  | { readonly op: 'not-renewed'; readonly current: StoredClaim | null }
  | { readonly op: 'listed'; readonly claims: readonly ClaimSummary[]; readonly more: boolean }
  /** The asker broke a rule that its own code should have kept; nothing was changed. */
  | { readonly op: 'invalid'; readonly rule: ClaimRule }

export interface ClaimSummary {
  readonly vm: VmUuid
  readonly revision: number
  readonly term: number
  readonly holder: HostUuid
  /** 0: another host may take it. */
  readonly leaseLeftMs: number
}

/** What the next claim must respect, given the stored one. */
export const CLAIM_RULES = [
  /** While the holder stays, so does the term. */
  'term-stays-with-holder',
  /** A new holder brings exactly the next term. */
  'term-grows-by-one',
  /** The first term is 1 or, for a VM that was protected before, higher. */
  'first-term',
  /** There is at least one disk, and for every disk at least one host with all its bytes. */
  'up-to-date-never-empty',
  /** Only a host that has every acknowledged write may become the holder, unless an operator accepted the loss. */
  'taker-up-to-date',
  /** The term in which an operator accepted a loss stays in the claim; only a new holder's own term may replace it. */
  'loss-stays-marked',
  /** Only `carry` changes who decides; and what it carries has a generation. */
  'generation-by-carry',
  /** CLAIM_LIMITS. */
  'size',
] as const
export type ClaimRule = (typeof CLAIM_RULES)[number]

/** Bounds that keep a claim within one line of the protocol and a witness within the memory of a small machine. */
export const CLAIM_LIMITS = {
  disks: 255,
  hostsPerDisk: 64,
  /** Hosts named, counted once for each disk: what a line has room for, and four for each of so many disks. */
  hostsInAll: 1020,
  leaseMsMax: 3_600_000,
  claimsPerPool: 4096,
  claims: 16_384,
  listPage: 200,
} as const

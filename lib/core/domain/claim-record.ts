import type { Claim } from './claim'
import type { VmUuid } from './ids'

/** One durable change. Revisions grow over the whole life of a witness, so a removed and remade claim never repeats one. */
export type ClaimRecord =
  | { readonly kind: 'stored'; readonly pool: string; readonly revision: number; readonly claim: Claim }
  | { readonly kind: 'removed'; readonly pool: string; readonly revision: number; readonly vm: VmUuid }

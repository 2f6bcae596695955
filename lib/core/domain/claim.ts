import type { HostUuid, VmUuid, VolumeKey } from './ids'

/**
 * Who may run a VM and whose bytes count (design section 2). Kept by the witness, changed only by compare-and-swap on
 * `revision`, durable before it is answered.
 */
export interface Claim {
  readonly vm: VmUuid
  /** Grows by one with every change of holder. A replica refuses a frame with a lower term. */
  readonly term: number
  readonly holder: HostUuid
  /** How long, after the witness last heard the holder, nobody else may take the claim. Milliseconds. */
  readonly leaseMs: number
  /** Per disk: the hosts whose replica has every acknowledged write. Never empty. */
  readonly upToDate: Readonly<Record<VolumeKey, readonly HostUuid[]>>
  /** The guest's memory counts as well: that of this run, on this host. Null: the guest starts from its disks. */
  readonly lockstep: { readonly secondary: HostUuid; readonly run: number } | null
  /** Absent where there has only ever been one witness: generation 0. */
  readonly decided?: Decision
  /** Term in which an operator gave the claim to a host that lacked acknowledged writes; absent where nobody ever did. */
  readonly lossAccepted?: number
}

/** Which of several witnesses decides about a claim. Decisions are numbered, and each number belongs to one witness. */
export interface Decision {
  /** Grows with each switch; the first one that is stored is 1. */
  readonly generation: number
  /** Name of the witness. */
  readonly by: string
}

export const generationOf = ({ decided }: Claim): number => decided?.generation ?? 0

/** A claim as the witness stores it. */
export interface StoredClaim {
  /** Changes with every stored change of the claim; what a compare-and-swap compares. NOT_STORED of one that is being carried. */
  readonly revision: number
  readonly claim: Claim
}

/** No witness may have it yet: it is held by what its holder has noted, and lists whoever may be listed. */
export const NOT_STORED = 0

/** Whoever is up-to-date for some disk, each once. */
export const hostsOf = ({ upToDate }: Claim): readonly HostUuid[] => [...new Set(Object.values(upToDate).flat())]

/** Every disk is up-to-date on two hosts at least. */
export const isRedundant = ({ upToDate }: Claim): boolean => Object.values(upToDate).every((hosts) => hosts.length > 1)

/** True when `host` has every acknowledged write of every disk. */
export const isUpToDateEverywhere = (claim: Claim, host: HostUuid): boolean =>
  Object.values(claim.upToDate).every((hosts) => hosts.includes(host))

/** `run` is what the secondary of a claim asks with: it has the guest's memory of that very run, and acknowledges nothing of it any more. */
export const takesWithMemory = (old: Claim | null, next: Claim, run: number | undefined): boolean =>
  run !== undefined && old?.lockstep?.run === run && old.lockstep.secondary === next.holder && old.holder !== next.holder

/** The claim as `host` takes it: nobody else is up-to-date any more, because nobody else hears of its writes yet; and a run ends with its holder. */
export const takenBy = (claim: Claim, host: HostUuid): Claim => ({
  ...claim,
  term: claim.term + 1,
  holder: host,
  upToDate: Object.fromEntries(Object.keys(claim.upToDate).map((volume) => [volume, [host]])),
  lockstep: null,
})

/** The same for a host that lacks acknowledged writes: it is marked in the claim for good. */
export const takenInSpiteOfLoss = (claim: Claim, host: HostUuid): Claim => ({
  ...takenBy(claim, host),
  lossAccepted: claim.term + 1,
})

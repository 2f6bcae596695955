import type { HostUuid } from '../domain/ids'

/** What is known of a VM's home when one of two has to go without the other. What is not known counts as bad. */
export interface Home {
  readonly host: HostUuid
  /** The claim lists it for every disk. */
  readonly isUpToDate: boolean
  readonly reachesWitness: boolean
  /** Of the host, the guest's networks included. */
  readonly health: 'good' | 'grey' | 'failed' | 'unknown'
  /** Of its replicas, the worst of all disks. `source`: another replica is being made from it. */
  readonly mirror: 'source' | 'member' | 'target' | 'unknown'
  /** By the pool's setting. */
  readonly isPreferred: boolean
  readonly isHolder: boolean
}

export interface Survivor {
  readonly host: HostUuid
  /** What decided: the first in which they differ. */
  readonly rule: 'up-to-date' | 'reaches-witness' | 'health' | 'mirror' | 'preferred' | 'holder' | 'by-uuid'
}

const HEALTH = { good: 2, grey: 1, failed: 0, unknown: 0 } as const
const MIRROR = { source: 2, member: 1, target: 0, unknown: 0 } as const

/** Weightiest first; more is better. A wish weighs less than anything that the guest would feel. */
const CRITERIA: readonly (readonly [Exclude<Survivor['rule'], 'by-uuid'>, (home: Home) => number])[] = [
  ['up-to-date', ({ isUpToDate }) => Number(isUpToDate)],
  ['reaches-witness', ({ reachesWitness }) => Number(reachesWitness)],
  ['health', ({ health }) => HEALTH[health]],
  ['mirror', ({ mirror }) => MIRROR[mirror]],
  ['preferred', ({ isPreferred }) => Number(isPreferred)],
  ['holder', ({ isHolder }) => Number(isHolder)],
]

/**
 * Which of two homes is to keep the VM. Both come to the same answer from the same facts. Good for waiting and for yielding only: whoever
 * is chosen here has no right that its claim does not give it.
 */
export function survivorOf(one: Home, other: Home): Survivor {
  for (const [rule, worth] of CRITERIA) {
    const difference = worth(one) - worth(other)
    if (difference !== 0) return { host: difference > 0 ? one.host : other.host, rule }
  }
  return { host: one.host < other.host ? one.host : other.host, rule: 'by-uuid' }
}

/** After a power cut of the whole site, a home that is not the preferred one leaves it this much time. Milliseconds. */
const PREFERRED_FIRST_MS = 5000

/** Whether a home leaves a VM to the preferred one for now, because nothing else speaks for either. `upMs`: since its own machine was started. */
export const isLeftToPreferred = (self: Home, preferred: Home, upMs: number): boolean =>
  upMs < PREFERRED_FIRST_MS && preferred.isPreferred && survivorOf(self, preferred).rule === 'preferred'

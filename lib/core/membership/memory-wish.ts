import type { ClaimedMemory } from '../domain/guest-memory'
import type { Claim, StoredClaim } from '../domain/claim'
import type { HostUuid } from '../domain/ids'

export interface MemoryWish {
  readonly memory: ClaimedMemory
  readonly run: number
  /** Of `lockstep`. */
  readonly secondary: HostUuid
}

type Memory = Claim['lockstep']

/**
 * What the claim is to say of the guest's memory; the latest wish counts. It is fulfilled by a change that was stored after it was
 * heard, also where nothing differs: an earlier one of a process before this may still be on its way, and is outdated by it.
 */
export class MemoryWishes {
  #open: { readonly wish: MemoryWish; readonly since: number } | null = null

  /** `revision`: of the claim as it is known at this moment. */
  hear(wish: MemoryWish, revision: number): void {
    this.#open = { wish, since: revision }
  }

  /** What is to be stored together with these disks; undefined: nothing yet. `alone` waits until nobody else is listed. */
  next(upToDate: Claim['upToDate'], self: HostUuid): { readonly lockstep: Memory } | undefined {
    if (this.#open === null) return undefined
    const { memory, run, secondary } = this.#open.wish
    if (memory === 'lockstep') return { lockstep: { secondary, run } }
    return memory === 'none' || isAlone(upToDate, self) ? { lockstep: null } : undefined
  }

  /** The wish that this fulfils; once. */
  fulfilled({ revision, claim }: StoredClaim): MemoryWish | null {
    if (this.#open === null || revision === this.#open.since) return null
    const { wish } = this.#open
    const memory = wish.memory === 'lockstep' ? { secondary: wish.secondary, run: wish.run } : null
    if (claim.lockstep?.run !== memory?.run || claim.lockstep?.secondary !== memory?.secondary) return null
    if (wish.memory === 'alone' && !isAlone(claim.upToDate, claim.holder)) return null
    this.#open = null
    return wish
  }
}

const isAlone = (upToDate: Claim['upToDate'], self: HostUuid): boolean =>
  Object.values(upToDate).every((hosts) => hosts.every((host) => host === self))

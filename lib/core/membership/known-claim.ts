import type { Claim, StoredClaim } from '../domain/claim'
import type { HostUuid, VolumeKey } from '../domain/ids'

/** A change of the claim that was asked for. */
export interface AskedChange {
  readonly next: Claim
  isLost: boolean
}

/** The claim as a host last heard of it, and what may have become of it since: every change passes by here. */
export class KnownClaim {
  #stored: StoredClaim | null = null
  readonly #asked = new Set<AskedChange>()

  get stored(): StoredClaim | null {
    return this.#stored
  }

  /** Before a read is asked for. What is read after a change was lost is final: see WitnessPort. */
  lost(): readonly AskedChange[] {
    return [...this.#asked].filter(({ isLost }) => isLost)
  }

  read(stored: StoredClaim | null, lost: readonly AskedChange[] = this.lost()): void {
    this.#stored = stored
    for (const change of lost) this.#asked.delete(change)
  }

  ask(next: Claim): AskedChange {
    const change = { next, isLost: false }
    this.#asked.add(change)
    return change
  }

  answered(change: AskedChange, now: StoredClaim | null): void {
    this.#asked.delete(change)
    this.#stored = now
  }

  /** From here on another witness is asked: what was asked before may be stored for good, or never. */
  forget(): void {
    for (const change of this.#asked) change.isLost = true
  }

  /** With everybody listed whom it lists, or may list by now; null: not heard of yet. */
  get widest(): Claim | null {
    if (this.#stored === null) return null
    const { claim } = this.#stored
    const claims = [claim, ...[...this.#asked].map(({ next }) => next)]
    const volumes = Object.keys(claim.upToDate) as VolumeKey[]
    const listed = (volume: VolumeKey): HostUuid[] => [...new Set(claims.flatMap(({ upToDate }) => upToDate[volume] ?? []))]
    return { ...claim, upToDate: Object.fromEntries(volumes.map((volume) => [volume, listed(volume)])) }
  }
}

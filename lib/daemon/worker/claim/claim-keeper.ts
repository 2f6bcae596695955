import type { StoredClaim } from '../../../core/domain/claim'
import type { HostUuid, VolumeKey } from '../../../core/domain/ids'
import type { HolderEffect, HolderEvent } from '../../../core/membership/holder'
import { Holder } from '../../../core/membership/holder'
import type { MemoryWish } from '../../../core/membership/memory-wish'
import { WitnessUnreachable } from '../../../ports/witness'
import type { WorkerParts } from '../parts'

export interface ClaimKeeperNeeds {
  /** The witness is about to be asked for a change: whoever could take the claim after it counts from now on. */
  readonly changing: () => void
  readonly lease: (valid: boolean) => void
  readonly guests: (mayRun: boolean) => void
  readonly claimed: (volume: VolumeKey, hosts: readonly HostUuid[]) => void
  readonly memory: (wish: MemoryWish) => void
  readonly notHandedOver: (rule: Extract<HolderEffect, { do: 'not-handed-over' }>['rule']) => void
  readonly spent: (stored: StoredClaim | null) => void
}

/** A witness that did not answer is asked again after this long; the lease is what sets the pace of everything else. */
const ASK_AGAIN_MS = 100

/** Carries the holder machine's wishes to the witness and the answers back. */
export class ClaimKeeper {
  readonly holder: Holder
  #ended = false

  constructor(
    self: HostUuid,
    stored: StoredClaim,
    leaseFromMs: number | null,
    private readonly parts: WorkerParts,
    private readonly needs: ClaimKeeperNeeds,
  ) {
    this.holder = new Holder(self, stored, leaseFromMs)
  }

  apply(event: HolderEvent): void {
    if (this.#ended) return
    for (const effect of this.holder.apply(event)) this.#run(effect)
  }

  /** After this nothing is renewed, changed or reported any more. */
  end(): void {
    this.#ended = true
  }

  #run(effect: HolderEffect): void {
    switch (effect.do) {
      case 'renew':
        void this.#renew()
        break
      case 'swap':
        this.needs.changing()
        void this.#swap(effect)
        break
      case 'read':
        void this.#read()
        break
      case 'lease':
        this.needs.lease(effect.valid)
        break
      case 'guests':
        this.needs.guests(effect.mayRun)
        break
      case 'claimed':
        this.needs.claimed(effect.volume, effect.hosts)
        break
      case 'memory':
        this.needs.memory(effect.wish)
        break
      case 'not-handed-over':
        this.needs.notHandedOver(effect.rule)
        break
      case 'spent':
        this.needs.spent(effect.stored)
        break
    }
  }

  async #renew(): Promise<void> {
    const askedAtMs = this.parts.clock.nowMs()
    const { claim } = this.holder.stored
    const answer = await unlessUnreachable(this.parts.witness.renew(claim.vm, claim.term, claim.holder))
    if (answer === undefined) this.apply({ on: 'renewal-lost' })
    else if (answer.renewed) this.apply({ on: 'renewed', askedAtMs })
    else this.apply({ on: 'renewal-refused', stored: answer.current })
  }

  async #swap({ expected, next }: Extract<HolderEffect, { do: 'swap' }>): Promise<void> {
    const answer = await unlessUnreachable(this.parts.witness.compareAndSwap(expected, next))
    // A witness without room would refuse as fast as it is asked.
    if (answer === undefined || (!answer.stored && answer.why === 'full')) await this.#askAgain()
    else if (answer.stored) this.apply({ on: 'swapped', revision: answer.revision })
    else this.apply({ on: 'stored', stored: answer.current })
  }

  async #read(): Promise<void> {
    const answer = await unlessUnreachable(this.parts.witness.read(this.holder.stored.claim.vm))
    if (answer === undefined) await this.#askAgain()
    else this.apply({ on: 'stored', stored: answer })
  }

  async #askAgain(): Promise<void> {
    await this.parts.timers.pause(ASK_AGAIN_MS)
    this.apply({ on: 'unknown' })
  }
}

/** `undefined` when the witness did not answer; any other failure is a bug and goes up. */
export async function unlessUnreachable<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof WitnessUnreachable) return undefined
    throw error
  }
}

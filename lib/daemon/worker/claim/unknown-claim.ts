/** A swap whose answer was lost: the claim may be this host's although nobody was told so. */
import type { HostUuid } from '../../../core/domain/ids'
import { ASK_AGAIN_MS } from '../../../core/membership/takeover'
import { unlessUnreachable } from './claim-keeper'
import type { WorkerParts } from '../parts'
import type { Secondary } from '../secondary'

/** Whether the claim that may have been taken was. While the witness is silent that is not known: `mayHold` stays. */
export async function holdsAfterAll(secondary: Secondary, me: HostUuid, parts: WorkerParts): Promise<boolean> {
  if (!secondary.mayHold) return false
  const stored = await unlessUnreachable(parts.witness.read(secondary.claim.claim.vm))
  if (stored === undefined) return false
  secondary.mayHold = stored?.claim.holder === me
  return secondary.mayHold
}

/**
 * Resolves with true when the claim turns out to be this host's, with false when it is not, or `isOver`. Somebody has to look: whoever
 * asked for it may not ask again, because the old holder is back, and the VM would be down for good.
 */
export async function turnsOutToHold(
  secondary: Secondary,
  me: HostUuid,
  parts: WorkerParts,
  isOver: () => boolean,
): Promise<boolean> {
  while (secondary.mayHold && !isOver()) {
    await parts.timers.pause(ASK_AGAIN_MS)
    if (!isOver() && (await holdsAfterAll(secondary, me, parts))) return true
  }
  return false
}

/** Looks for itself once somebody has asked. */
export class UnknownClaim {
  #looks = false

  constructor(
    private readonly parts: () => WorkerParts,
    private readonly takeOver: (reason: string) => Promise<unknown>,
  ) {}

  /** `secondary`: null from when this worker is none any more. */
  async findOut(me: HostUuid, secondary: () => Secondary | null): Promise<void> {
    const side = secondary()
    if (this.#looks || side === null) return
    this.#looks = true
    if (await turnsOutToHold(side, me, this.parts(), () => secondary() === null))
      await this.takeOver('it had been asked for while the witness was silent')
    this.#looks = false
  }
}

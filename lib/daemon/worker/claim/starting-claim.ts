import { NOT_STORED, type StoredClaim } from '../../../core/domain/claim'
import type { VmUuid } from '../../../core/domain/ids'
import { unlessUnreachable } from './claim-keeper'
import type { WorkerParts } from '../parts'
import type { DecidingWitness } from '../witnesses/deciding-witness'

/** How often the witness is asked for the claim while a worker does not know its role. */
const ASK_EVERY_MS = 200

/**
 * The claim by which a worker that starts knows its role; null when `isOver` before that. A holder whose switch of witnesses is pending needs
 * none of them: it holds that claim by its peer's promises.
 */
export async function startingClaim(
  vm: VmUuid,
  witness: DecidingWitness,
  { log, timers }: WorkerParts,
  isOver: () => boolean,
): Promise<StoredClaim | null> {
  let isTold = false
  while (!isOver()) {
    const stored = await unlessUnreachable(witness.read(vm))
    if (stored != null) {
      await witness.roleKnown()
      return isOver() ? null : stored
    }
    const pending = stored === undefined ? await witness.pendingOwn(vm) : null
    if (pending !== null) return { revision: NOT_STORED, claim: pending }
    if (!isTold && (await witness.isDamaged(vm))) {
      isTold = true
      log.warn('what this host noted about the witnesses is damaged: it waits for the word of a holder', { vm })
    }
    log.debug('role not known yet', { witness: stored === undefined ? 'silent' : 'has no claim' })
    await timers.pause(ASK_EVERY_MS)
  }
  return null
}

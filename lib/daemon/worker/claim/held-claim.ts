import type { StoredClaim } from '../../../core/domain/claim'
import { Refusal } from '../../../core/domain/errors'
import type { VmUuid } from '../../../core/domain/ids'
import type { WitnessPort } from '../../../ports/witness'
import type { WorkerSpec } from '../../../wire/worker-api'
import { unlessUnreachable } from './claim-keeper'

/** The claim that the daemon has made for this host. Rejects with the refusal when there is none, or nobody tells. */
export async function heldClaim(vm: VmUuid, { host, witness: address }: WorkerSpec, witness: WitnessPort): Promise<StoredClaim> {
  const stored = await unlessUnreachable(witness.read(vm))
  if (stored === undefined)
    throw new Refusal('HOLDFAST_WITNESS_UNREACHABLE', { reason: 'it does not answer this VM', address: address ?? '' })
  if (stored?.claim.holder !== host) throw new Refusal('HOLDFAST_NOT_PROTECTED', { vm })
  return stored
}

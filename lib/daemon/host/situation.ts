import type { Claim } from '../../core/domain/claim'
import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VmUuid, VolumeKey } from '../../core/domain/ids'
import type { PoolInventory } from '../../core/domain/inventory'
import type { Situation } from '../../core/policy/protection'
import { WitnessUnreachable } from '../../ports/witness'
import type { Catalogue } from './catalogue'
import type { Membership } from './membership'
import type { HostParts } from './parts'

/** What policy decides by, gathered afresh for one decision. */
export async function situationNow(
  parts: HostParts,
  catalogue: Catalogue,
  { absent: suspected, grey }: Membership,
): Promise<Situation> {
  const inventory = inventoryNow(parts)
  const claims = new Map<VmUuid, Claim>()
  for (const vm of catalogue.protectedVms()) {
    const stored = await witnessed(parts, parts.witness.read(vm))
    if (stored !== null) claims.set(vm, stored.claim)
  }
  const homes = new Map<VolumeKey, readonly HostUuid[]>(catalogue.list().map(({ key, homes: at }) => [key, at]))
  return { inventory, claims, suspected, grey, homes, standbys: new Map() }
}

export function inventoryNow({ xapi }: HostParts): PoolInventory {
  const inventory = xapi.inventory()
  if (inventory !== null) return inventory
  throw new Refusal('HOLDFAST_TIMED_OUT', { seconds: 0, reason: 'XAPI has not answered since the daemon started.' })
}

/** An unreachable witness becomes a refusal: the operator's request needs it. */
export async function witnessed<T>({ config }: HostParts, asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof WitnessUnreachable)) throw error
    throw new Refusal('HOLDFAST_WITNESS_UNREACHABLE', { reason: error.message, address: config.witness })
  }
}

import { Refusal } from '../../../lib/core/domain/errors'
import { type HoldfastConfig, holdfastConfig } from '../../../lib/wire/config'
import type { SetupOffer } from '../../../lib/wire/setup'
import { jsonObject } from '../../../lib/wire/shape'
import type { SetupHosts } from './hosts'
import { isServed } from './witnesses'

type Role = 'preferred' | 'alternate'

export interface Change {
  readonly former: string | null
  readonly config: string
  readonly offers: ReadonlyMap<string, SetupOffer>
  readonly hosts: SetupHosts
}

/**
 * The claims are where they are: to a witness that has none of them every VM would be nobody's. So of a pool that has any one witness may be
 * replaced, while the other one decides about every VM. Rejects with Refusal HOLDFAST_SETUP_LACKS.
 */
export async function refuseLostClaims({ former, config, offers, hosts }: Change): Promise<void> {
  if (former === null || ![...offers.values()].some(({ workers }) => workers > 0)) return
  const { witness, alternateWitness = null } = jsonObject(former)
  const next = holdfastConfig(config)
  const isKept = { preferred: witness === next.witness, alternate: alternateWitness === next.alternateWitness }
  if (isKept.preferred && (isKept.alternate || alternateWitness === null)) return
  if (!isKept.preferred && (!isKept.alternate || alternateWitness === null))
    throw lacks(
      `a pool without claims: those of its VMs are kept by the witness at ${String(witness)}`,
      'Move that witness (hand-over and adopt) and keep its name; or unprotect every VM and shut it down, then repeat.',
    )
  const other: Role = isKept.preferred ? 'preferred' : 'alternate'
  const elsewhere = await hosts.notDecidedBy(other)
  if (elsewhere.length === 0) return
  throw lacks(
    `the ${other} witness decides about ${elsewhere.length === 1 ? 'a VM' : 'VMs'} not yet: ${elsewhere.join(', ')}`,
    'Wait until holdfast status says that it does, and that they are protected; then repeat.',
  )
}

/** A worker that starts again without its witness does not know whether it holds its claim. Rejects with HOLDFAST_WITNESS_UNREACHABLE. */
export async function needWitnesses({ pool, witness, alternateWitness }: HoldfastConfig, key: Buffer): Promise<void> {
  for (const address of [witness, alternateWitness]) {
    if (address === null || (await isServed(address, pool, key))) continue
    throw new Refusal('HOLDFAST_WITNESS_UNREACHABLE', {
      reason: 'VMs are protected, and it must answer before anything is changed.',
      address,
    })
  }
}

const lacks = (reason: string, todo: string): Refusal => new Refusal('HOLDFAST_SETUP_LACKS', { reason, todo })

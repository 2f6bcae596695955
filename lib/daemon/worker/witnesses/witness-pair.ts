import type { StoredClaim, Decision } from '../../../core/domain/claim'
import { generationOf } from '../../../core/domain/claim'
import { WitnessUnreachable, type WitnessPort } from '../../../ports/witness'
import type { WorkerParts } from '../parts'

/** `witness`: the preferred one. */
export type Pair = Pick<WorkerParts, 'witness' | 'alternate'>

export const portsOf = ({ witness, alternate }: Pair): readonly WitnessPort[] =>
  alternate === null ? [witness] : [witness, alternate]

/** Null: it is none of the two, as far as they have told their names. */
export const portNamed = (pair: Pair, id: string): WitnessPort | null => portsOf(pair).find((port) => port.id === id) ?? null

/** The one that does not have that name; null while nobody can tell, or there is no other. */
export function portBeside({ witness, alternate }: Pair, id: string): WitnessPort | null {
  if (alternate === null) return null
  const isNamed = (port: WitnessPort): boolean => port.id === id
  const isAnother = (port: WitnessPort): boolean => port.id !== null && port.id !== id
  if (isNamed(witness) || isAnother(alternate)) return alternate
  return isNamed(alternate) || isAnother(witness) ? witness : null
}

/**
 * What a host learns that has noted nothing: the claim of the higher generation, and who decides in it; null: neither has one. Both have to
 * answer, and rejects with WitnessUnreachable otherwise.
 */
export async function readBoth(vm: string, pair: Pair): Promise<{ stored: StoredClaim; decision: Decision } | null> {
  const found = (await Promise.all(portsOf(pair).map(async (port) => ({ by: port, stored: await port.read(vm) })))).flatMap(
    ({ by, stored }) => {
      if (stored === null) return []
      if (by.id === null) throw new WitnessUnreachable('a witness has not told its name')
      return [{ stored, decision: { generation: generationOf(stored.claim), by: by.id } }]
    },
  )
  const [first, second] = found.sort((a, b) => b.decision.generation - a.decision.generation)
  if (first !== undefined && first.decision.generation === second?.decision.generation)
    throw new WitnessUnreachable(`both witnesses have the claim, and decision ${first.decision.generation} is not made by two`)
  return first ?? null
}

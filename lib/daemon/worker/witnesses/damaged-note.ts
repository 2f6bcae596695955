import type { DeciderNote, Noted } from '../../../core/domain/decider-note'
import { unlessUnreachable } from '../claim/claim-keeper'
import type { Agreement } from './agreement'
import { type Pair, portsOf } from './witness-pair'

/**
 * A holder in the middle of a switch asks a host to note it whose own note is damaged. What that one agreed to is no more than what the holder
 * asks, unless somebody has taken the claim since: then a witness has a higher term, and it is not agreed to. While a witness is silent it waits.
 */
export async function hearPending(
  vm: string,
  pair: Pair,
  agreement: Agreement,
  note: DeciderNote,
  reply: (noted: Noted) => void,
): Promise<void> {
  const term = await unlessUnreachable(highestTerm(vm, pair))
  if (term !== undefined && agreement.isDamaged) agreement.hear(note, term, reply)
}

/** Of what both witnesses have; 0: neither has a claim. Both have to answer, and rejects with WitnessUnreachable otherwise. */
async function highestTerm(vm: string, pair: Pair): Promise<number> {
  const found = await Promise.all(portsOf(pair).map((port) => port.read(vm)))
  return Math.max(0, ...found.map((stored) => stored?.claim.term ?? 0))
}

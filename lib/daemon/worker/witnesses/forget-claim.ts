import { generationOf, type StoredClaim } from '../../../core/domain/claim'
import type { VmUuid } from '../../../core/domain/ids'
import type { KnownClaim } from '../../../core/membership/known-claim'
import { WitnessUnreachable, type WitnessPort } from '../../../ports/witness'
import type { Agreement } from './agreement'

/**
 * Before the deciding witness forgets a claim. After a switch the other one still has an old record, by which a host without a note would take
 * the VM for protected, so that goes first; and whoever may still have a switch as pending would carry the claim back. Rejects with
 * WitnessUnreachable when it cannot be done now.
 */
export async function forgetElsewhere(vm: string, agreement: Agreement, other: WitnessPort | null): Promise<void> {
  const { generation } = agreement.note
  if (generation < 1) return
  if (other === null)
    throw new WitnessUnreachable('a former witness has a record of the claim, and is not configured or not heard')
  const [host] = agreement.untold
  if (host !== undefined)
    throw new WitnessUnreachable(`host ${host} has to hear first which witness decides: it might carry the claim back`)
  const old = await other.read(vm)
  if (old === null) return
  if (generationOf(old.claim) >= generation)
    throw new WitnessUnreachable('the other witness has a later decision, which this host has not heard of')
  const answer = await other.remove(old)
  if (!answer.stored && answer.current !== null) throw new WitnessUnreachable('the other witness has another record of the claim')
}

/**
 * After the deciding witness had none. A decided claim that is gone was given up, there after it was elsewhere: one that is here now is a
 * later one; and where there is none, whatever this host noted is of no claim, and a later one counts its decisions from 0. Rejects with
 * WitnessUnreachable when that cannot be known now.
 */
export async function readElsewhere(
  { vm, agreement, known }: { readonly vm: VmUuid; readonly agreement: Agreement; readonly known: KnownClaim },
  other: WitnessPort | null,
): Promise<StoredClaim | null> {
  const { epoch } = agreement
  const found = other === null ? null : await other.read(vm)
  if (agreement.epoch !== epoch) throw new WitnessUnreachable('it was asked before this host noted who decides')
  known.read(null)
  if (other?.id == null) return null
  if (found === null) {
    await agreement.forget()
    return null
  }
  agreement.startAnew()
  agreement.feed({ on: 'word', decision: { generation: generationOf(found.claim), by: other.id }, term: 0 })
  await agreement.settled()
  known.read(found)
  return found
}

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
  const answer = await other.remove(vm, old.revision)
  if (!answer.stored && answer.current !== null) throw new WitnessUnreachable('the other witness has another record of the claim')
}

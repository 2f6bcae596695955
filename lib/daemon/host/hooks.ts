import { refusalLines } from '../../core/domain/errors'
import { isUuid, type VmUuid } from '../../core/domain/ids'
import { WitnessUnreachable } from '../../ports/witness'
import type { DaemonApi } from '../../wire/daemon-api'
import type { Catalogue } from './catalogue'
import { hostNameOf, vmNameOf } from './names'
import type { HostParts } from './parts'

type Hook = DaemonApi['hook']

/**
 * XAPI's lifecycle hooks. Only vm-pre-start can say no, and only for a claim that is known to be held elsewhere: when the witness
 * does not answer, the storage's activate is the gate, for it needs the worker that holds the claim.
 */
export async function hookVerdict(parts: HostParts, catalogue: Catalogue, ask: Hook['ask']): Promise<Hook['answer']> {
  const goOn = { goOn: true, text: '' }
  const { hook, vm: text } = ask
  if (hook !== 'vm-pre-start' || text === undefined || !isUuid(text)) return goOn
  const vm = text as VmUuid
  if (catalogue.ofVm(vm).length === 0) return goOn
  try {
    const stored = await parts.witness.read(vm)
    if (stored === null || stored.claim.holder === parts.host) return goOn
    const facts = {
      ...{ vm: vmNameOf(parts, vm), host: hostNameOf(parts, parts.host) },
      ...{ holder: hostNameOf(parts, stored.claim.holder), term: stored.claim.term },
    }
    return { goOn: false, text: refusalLines('HOLDFAST_CLAIM_HELD_ELSEWHERE', facts).join(' ') }
  } catch (error) {
    if (!(error instanceof WitnessUnreachable)) throw error
    return goOn
  }
}

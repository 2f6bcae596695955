import { hostsOf, isUpToDateEverywhere } from '../../../core/domain/claim'
import { Refusal } from '../../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import type { DaemonApi, PromoteReport } from '../../../wire/daemon-api'
import { asVm } from '../datapath'
import type { Fencing } from './fencing'
import type { Fleet } from '../fleet'
import { hostNameOf, vmNameOf } from '../names'
import type { HostParts } from '../parts'
import { witnessed } from '../situation'

export interface PromoteNeeds {
  readonly parts: HostParts
  readonly fleet: Fleet
  readonly fencing: Pick<Fencing, 'of' | 'fenced'>
}

const TAKE_OVER_MS = 12_000
const WHO_LENGTH_MAX = 80

/**
 * An operator gives a VM's claim to this host. Nobody else may be alive who could act for the VM: every host that the claim names is
 * proven to be off. Without its writes it becomes the holder only if the operator accepts their loss; the claim keeps the mark.
 */
export const promoteHandler =
  (needs: PromoteNeeds) =>
  async (ask: DaemonApi['promote']['ask']): Promise<PromoteReport> => {
    const { parts, fleet, fencing } = needs
    const vm = asVm(ask.vm)
    const report = { vm, name: vmNameOf(parts, vm), host: hostNameOf(parts, parts.host) }
    const refuse = (reason: string, todo: string): Refusal =>
      new Refusal('HOLDFAST_PROMOTE_REFUSED', { vm: report.name, host: report.host, reason, todo })
    const stored = await witnessed(parts, parts.witness.read(vm))
    if (stored === null) throw new Refusal('HOLDFAST_NOT_PROTECTED', { vm: report.name })
    const { claim } = stored
    if (claim.holder === parts.host) return { ...report, term: claim.term, rule: 'held-already' }
    if (!fleet.has(vm))
      throw refuse(
        'No worker of the VM runs here.',
        `Ask on ${homes(needs, hostsOf(claim))}; or plug its SR here first: xe pbd-plug`,
      )
    const alive = [...new Set([claim.holder, ...hostsOf(claim)])].find(
      (host) => host !== parts.host && fencing.of(host)?.proof == null,
    )
    if (alive !== undefined) {
      const name = hostNameOf(parts, alive)
      throw refuse(`${name} may still act for the VM: it is not proven to be off.`, `Look at it with: holdfast fence ${name}`)
    }
    const acceptLoss = ask.acceptLoss === true
    const holder = hostNameOf(parts, claim.holder)
    const orAccept = `Bring ${holder} back. If it is lost for good, and so are they: holdfast promote ${report.name} --accept-loss`
    if (!acceptLoss && !isUpToDateEverywhere(claim, parts.host))
      throw refuse(`Its replica lacks writes that the guest was told are kept; ${holder} has them.`, orAccept)
    const who = (ask.who ?? '').trim().slice(0, WHO_LENGTH_MAX) || 'somebody'
    const fenced = fencing.fenced(claim.holder)
    const wish = { reason: `${who} promoted it here`, ...(fenced === undefined ? {} : { fenced }), acceptLoss }
    const answer = await fleet.ask(vm, 'take-over', wish, TAKE_OVER_MS)
    if (!answer.taken && answer.why === 'memory-not-here')
      throw refuse('It was in lockstep: writes that the guest was told are kept are in a memory that is not here.', orAccept)
    if (!answer.taken)
      throw refuse(`The claim could not be taken: ${answer.why}.`, 'Look at: holdfast status and holdfast timeline')
    promoted(parts, vm, { who, loses: answer.rule === 'loss-accepted', former: claim.holder, term: answer.term })
    return { ...report, term: answer.term, rule: answer.rule ?? 'held-already' }
  }

interface Promoted {
  readonly who: string
  readonly loses: boolean
  readonly former: HostUuid
  readonly term: number
}

function promoted(parts: HostParts, vm: VmUuid, { who, loses, former, term }: Promoted): void {
  const text = loses
    ? `${who} gave the claim to this host, and gave up the acknowledged writes that it lacks; ${hostNameOf(parts, former)} has them.`
    : `${who} gave the claim to this host; no acknowledged write is lost.`
  const rule = loses ? 'loss-accepted' : 'holder-fenced'
  parts.timeline.record({ vm, act: 'vm-promoted', rule, text, evidence: { who, former, term, loses } })
}

const homes = ({ parts }: PromoteNeeds, hosts: readonly HostUuid[]): string =>
  hosts.map((host) => hostNameOf(parts, host)).join(' or ')

import { isRedundant, type Claim } from '../../../core/domain/claim'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import type { KeptVm } from '../../../core/policy/reprotect'
import type { WorkerStatus } from '../../../wire/worker-api'
import type { Catalogue } from '../catalogue'
import type { Fleet } from '../fleet'
import { homesOf } from '../homes'
import { hostNameOf } from '../names'
import type { HostParts } from '../parts'

export interface KeptNeeds {
  readonly parts: HostParts
  readonly catalogue: Catalogue
  readonly fleet: Pick<Fleet, 'status'>
  readonly isAlive: (host: HostUuid) => boolean
  readonly isUnderWay: (vm: VmUuid) => boolean
  /** It was disabled in XAPI when it was last heard. */
  readonly wasDisabled: (host: HostUuid) => boolean
}

/** Null: another host serves the VM. `inFull`: whether it is whole is to be known also while its secondary is heard. */
export async function keptVm(needs: KeptNeeds, vm: VmUuid, inFull: boolean): Promise<KeptVm | null> {
  const { parts, catalogue, fleet, isAlive } = needs
  const homes = homesOf(catalogue.ofVm(vm))
  const secondary = homes.find((host) => host !== parts.host)
  if (secondary === undefined || !homes.includes(parts.host)) return null
  const heard = { vm, secondary, isSilent: false, isWhole: false, waitsFor: '', leftBecause: '' }
  if (isAlive(secondary) && !inFull) return heard
  const status = await fleet.status(vm)
  const isUnsure = status === null || (status.role === 'secondary' && status.claim === null)
  if (isUnsure) return { ...heard, isSilent: !isAlive(secondary), waitsFor: 'its worker does not tell its role' }
  if (status.role !== 'primary' || status.claim === null) return null
  const { claim } = status.claim
  return {
    ...heard,
    isSilent: !isAlive(secondary) && !status.peerConnected,
    isWhole: isRedundant(claim),
    waitsFor: whatComesFirst(needs, vm, status, claim),
    leftBecause: whyLeft(needs, secondary, claim),
  }
}

function whatComesFirst({ parts, catalogue, isUnderWay }: KeptNeeds, vm: VmUuid, status: WorkerStatus, claim: Claim): string {
  const { host, xapi } = parts
  const known = xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)
  if (known === undefined) return 'XAPI does not know it'
  if (known.residentOn !== null && known.residentOn !== host) return 'XAPI shows it on another host'
  if (known.operations.length > 0) return `XAPI is working on it (${known.operations.join(', ')})`
  if (isUnderWay(vm)) return 'it is being restarted'
  if (catalogue.ofVm(vm).some(({ move }) => move?.state === 'under-way')) return 'it is being moved'
  if (status.unprotecting === true) return 'its protection is being ended'
  if (status.frozen || !status.witnessReachable) return 'the witness does not answer'
  // Until it does not, the lost host has every byte, and might even be asked to go on.
  const others = Object.values(claim.upToDate).some((hosts) => hosts.some((each) => each !== host))
  return others || claim.lockstep !== null ? 'the claim lists the lost host' : ''
}

/** What is there may be the only copy of something, or may be about to come back: nobody but an operator gives it up. */
function whyLeft({ parts, wasDisabled }: KeptNeeds, lost: HostUuid, { term, lossAccepted }: Claim): string {
  const { config } = parts
  const name = hostNameOf(parts, lost)
  if (wasDisabled(lost)) return `${name} was disabled in XAPI before it fell silent, as a host is that somebody works on.`
  if (lossAccepted === term) return `${name} may have writes that this host lacks, since the VM was promoted in spite of that.`
  if (config.withoutQuorum === 'continue' && config.preferredSurvivor === lost)
    return `${name} goes on without quorum, and may have writes that this host lacks.`
  return ''
}

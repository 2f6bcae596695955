import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { InventoryVm } from '../../core/domain/inventory'
import { isLevel, type Level } from '../../core/domain/level'
import { LEVEL_KEY } from '../../core/policy/protection'
import { findingWords } from '../../core/membership/finding-words'
import { WitnessUnreachable } from '../../ports/witness'
import type { DaemonApi, DiskStatus, HostStatus, StatusReport, VmStatus } from '../../wire/daemon-api'
import type { WorkerStatus } from '../../wire/worker-api'
import type { Catalogue } from './catalogue'
import type { Fencing } from './fencing/fencing'
import type { Fleet } from './fleet'
import { healthOf, type Health, type ProtectedVm } from './health'
import type { Membership } from './membership'
import type { DiskMover } from './move/move-disks'
import { homesOf } from './homes'
import { hostNameOf } from './names'
import type { HostParts } from './parts'
import { mayBeOld, readSurely } from './pool-witness'
import { inventoryNow } from './situation'

export interface StatusNeeds {
  readonly parts: HostParts
  readonly catalogue: Catalogue
  readonly fleet: Fleet
  readonly mover: DiskMover
  readonly membership: Membership
  readonly fencing: Pick<Fencing, 'of'>
}

const HOLDER_LIMIT_MS = 1500

/** What the operator reads. Resync progress and degradation are the primary worker's word; elsewhere the claim's. */
export async function statusReport(needs: StatusNeeds, ask: DaemonApi['status']['ask']): Promise<StatusReport> {
  const { parts } = needs
  const wanted = ask.vm
  const inventory = inventoryNow(parts)
  const vms = wanted === undefined ? inventory.vms : inventory.vms.filter(({ uuid }) => uuid === wanted)
  if (wanted !== undefined && vms.length === 0) throw new Refusal('HOLDFAST_UNKNOWN_VM', { vm: wanted.slice(0, 80) })
  return {
    host: parts.host,
    hosts: hostsOf(needs),
    ...witnessesOf(parts),
    vms: await Promise.all(
      vms.map(async (vm) => {
        const status = await vmStatus(needs, vm)
        const isOwnWord =
          ask.here === true || (wanted === undefined && !mayBeOld(needs.parts.witnesses, needs.fleet.has(vm.uuid)))
        return isOwnWord ? status : seenByHolder(needs, status)
      }),
    ),
  }
}

/** Only the primary's worker knows how far a resync or a comparison is, and the witness is not always heard. */
async function seenByHolder(needs: StatusNeeds, status: VmStatus): Promise<VmStatus> {
  const { parts, membership, catalogue } = needs
  const homes = homesOf(catalogue.ofVm(status.vm))
  const asked = membership.report().filter(({ host, state }) => {
    if (state !== 'alive') return false
    return status.holder === null ? homes.includes(host) : hostNameOf(parts, host) === status.holder
  })
  const answers = await Promise.all(asked.map(({ host }) => askedOf(parts, host, status.vm)))
  return answers.find((answer) => answer !== null) ?? status
}

/** Null unless that host says that it holds the claim. */
async function askedOf(parts: HostParts, host: HostUuid, vm: VmUuid): Promise<VmStatus | null> {
  try {
    const { vms } = await parts.askPeer(host, 'status', { vm, here: true }, HOLDER_LIMIT_MS)
    return vms.find((each) => each.vm === vm && each.holder === hostNameOf(parts, host)) ?? null
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    parts.log.debug('the holder does not tell its status', { vm, why: error.message })
    return null
  }
}

function witnessesOf({ config, witness, witnesses }: HostParts): Pick<StatusReport, 'witness' | 'alternateWitness'> {
  const { preferred, alternate } = witnesses ?? { preferred: witness, alternate: null }
  const second = config.alternateWitness === null || alternate === null ? null : alternate
  return {
    witness: { address: config.witness, reachable: preferred.reachable },
    alternateWitness: second === null ? null : { address: config.alternateWitness ?? '', reachable: second.reachable },
  }
}

function hostsOf({ parts, membership, fencing }: StatusNeeds): HostStatus[] {
  const name = (host: string): string => hostNameOf(parts, host as HostUuid)
  const self = {
    uuid: parts.host,
    name: name(parts.host),
    state: 'this-host',
    silentMs: {},
    health: null,
    findings: [],
    fenced: null,
  } as const
  const health = new Map(membership.health().map((each) => [each.host, each]))
  const others = membership.report().map(({ host, state, links }): HostStatus => {
    const silent = links.map(({ link, silentMs, everHeard }) => [link, everHeard ? Math.round(silentMs) : null])
    const { verdict = 'unknown', findings = [] } = health.get(host) ?? {}
    return {
      uuid: host,
      name: name(host),
      state: state === 'unknown' ? 'never-seen' : state,
      silentMs: Object.fromEntries(silent) as HostStatus['silentMs'],
      health: verdict,
      fenced: fencing.of(host)?.proof?.by ?? null,
      findings: findings.map((finding) => ({ ...finding, text: findingWords(finding, name) })),
    }
  })
  return [self, ...others]
}

async function vmStatus(needs: StatusNeeds, vm: InventoryVm): Promise<VmStatus> {
  const { parts, catalogue, fleet, mover, membership } = needs
  const records = catalogue.ofVm(vm.uuid)
  const kept = records.length > 0
  const worker = fleet.has(vm.uuid) ? await fleet.status(vm.uuid) : null
  const claim = kept ? await claimOf(needs, vm, worker) : null
  const stored = claim === 'unread' ? null : claim
  const holder = (stored ?? worker?.claim)?.claim.holder ?? null
  const homes = homesOf(records)
  const secondary = homes.find((host) => host !== holder) ?? null
  const name = (host: HostUuid): string => hostNameOf(parts, host)
  // XAPI shows a VM on its dead host until it is started elsewhere; a host without the claim lets it do nothing.
  const former = stored !== null && vm.residentOn !== stored.claim.holder ? vm.residentOn : null
  const level = levelOf(
    vm,
    records.map((record) => record.level),
  )
  const judged = (): Health =>
    healthOf({
      wantsLockstep: level === 'lockstep' && (worker?.role === 'primary' ? worker.guestActive : vm.powerState === 'Running'),
      ...{ host: parts.host, nameOf: name, volumes: records.map(({ key }) => key), homes, worker, claim },
      suspected: (host) => membership.report().some((peer) => peer.host === host && peer.state === 'suspected'),
    })
  const { health, reason } = former === null ? (unkeptHealth(mover, vm, kept) ?? judged()) : movedFrom(name(former))
  return {
    ...{ vm: vm.uuid, name: vm.name, powerState: vm.powerState },
    level,
    health,
    reason: [reason, worker?.unwritten ?? ''].filter((text) => text !== '').join('. '),
    residentOn: vm.residentOn === null || former !== null ? null : name(vm.residentOn),
    holder: holder === null ? null : name(holder),
    secondary: secondary === null ? null : name(secondary),
    term: (stored ?? worker?.claim)?.claim.term ?? null,
    ...(worker?.decidedBy === undefined ? {} : { decidedBy: worker.decidedBy }),
    ...(level === 'lockstep' ? { lockstep: (worker?.guestActive ? worker.lockstep : null) ?? null } : {}),
    disks: vm.disks.flatMap(({ location, userdevice, sizeBytes }): DiskStatus[] => {
      const record = catalogue.find(location)
      if (record === undefined) return []
      // Where replicas are kept says nothing about whose bytes count.
      const hosts = stored?.claim.upToDate[record.key] ?? (kept ? [] : record.homes)
      const seen = worker?.volumes.find(({ key }) => key === record.key)
      const resync = seen?.resync ?? null
      const named = resync === null ? null : { ...resync, target: name(resync.target as HostUuid) }
      const upToDate = hosts.map(name)
      return [{ volume: record.key, device: userdevice, sizeBytes, upToDate, resync: named, verify: seen?.verify ?? null }]
    }),
  }
}

/** What was accepted, from whichever place still has it: a lost key in XAPI lowers nothing (N5). */
function levelOf(vm: InventoryVm, kept: readonly (Level | null)[]): Level {
  const text = vm.otherConfig[LEVEL_KEY] ?? ''
  return kept.find((level) => level !== null) ?? (isLevel(text) ? text : 'unprotected')
}

/** A worker that is not the primary knows the claim as it once was. */
async function claimOf(needs: StatusNeeds, vm: InventoryVm, worker: WorkerStatus | null): Promise<ProtectedVm['claim']> {
  const { parts } = needs
  if (worker?.role === 'primary') return worker.claim
  try {
    return await readSurely(parts, vm.uuid, needs.fleet.has(vm.uuid))
  } catch (error) {
    if (!(error instanceof WitnessUnreachable)) throw error
    parts.log.debug('claim not read for a status', { vm: vm.uuid, error: error.message })
    return 'unread'
  }
}

const movedFrom = (host: string): Health => ({
  health: 'degraded',
  reason: `XAPI still shows it on ${host}, which no longer holds its claim`,
})

/** Of a VM whose disks move into the SR, or that has none there; null: it is protected, and to be judged. */
function unkeptHealth(mover: DiskMover, vm: InventoryVm, kept: boolean): Health | null {
  const move = mover.progress(vm.uuid)
  if (move?.error === '') {
    return {
      health: 'syncing',
      reason: `disk ${move.userdevice} moves into the Holdfast SR: ${Math.round(move.fraction * 100)} %`,
    }
  }
  if (kept) return null
  return { health: 'unprotected', reason: move === undefined ? '' : `it could not be protected: ${move.error}` }
}

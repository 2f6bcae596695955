import { Refusal } from '../../core/domain/errors'
import type { HostUuid } from '../../core/domain/ids'
import type { InventoryVm } from '../../core/domain/inventory'
import { isLevel, type Level } from '../../core/domain/level'
import { LEVEL_KEY } from '../../core/policy/protection'
import type { PeerReport } from '../../core/membership/heartbeat'
import type { DaemonApi, DiskStatus, HostStatus, StatusReport, VmHealth, VmStatus } from '../../wire/daemon-api'
import type { WorkerStatus } from '../../wire/worker-api'
import type { Catalogue } from './catalogue'
import type { Fleet } from './fleet'
import type { DiskMover } from './move-disks'
import { hostNameOf } from './names'
import type { HostParts } from './parts'
import { inventoryNow } from './situation'

export interface StatusNeeds {
  readonly parts: HostParts
  readonly catalogue: Catalogue
  readonly fleet: Fleet
  readonly mover: DiskMover
  readonly peers: () => readonly PeerReport[]
}

const HOLDER_LIMIT_MS = 1500

interface Health {
  readonly health: VmHealth
  readonly reason: string
}

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
    witness: { address: parts.config.witness, reachable: parts.witness.reachable },
    vms: await Promise.all(
      vms.map(async (vm) => {
        const status = await vmStatus(needs, vm)
        return wanted === undefined || ask.here === true ? status : seenByHolder(needs, status)
      }),
    ),
  }
}

/** Only the primary's worker knows how far a resync or a comparison is. */
async function seenByHolder({ parts, peers }: StatusNeeds, status: VmStatus): Promise<VmStatus> {
  const holder = peers().find(({ host, state }) => state === 'alive' && hostNameOf(parts, host) === status.holder)
  if (holder === undefined) return status
  try {
    const { vms } = await parts.askPeer(holder.host, 'status', { vm: status.vm, here: true }, HOLDER_LIMIT_MS)
    return { ...status, disks: vms[0]?.disks ?? status.disks }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    parts.log.debug('the holder does not tell its status', { vm: status.vm, why: error.message })
    return status
  }
}

function hostsOf({ parts, peers }: StatusNeeds): HostStatus[] {
  const self: HostStatus = { uuid: parts.host, name: hostNameOf(parts, parts.host), state: 'this-host', silentMs: {} }
  const others = peers().map(({ host, state, links }): HostStatus => {
    const silent = links.map(({ link, silentMs, everHeard }) => [link, everHeard ? Math.round(silentMs) : null])
    return {
      uuid: host,
      name: hostNameOf(parts, host),
      state: state === 'unknown' ? 'never-seen' : state,
      silentMs: Object.fromEntries(silent) as HostStatus['silentMs'],
    }
  })
  return [self, ...others]
}

async function vmStatus(needs: StatusNeeds, vm: InventoryVm): Promise<VmStatus> {
  const { parts, catalogue, fleet } = needs
  const records = catalogue.ofVm(vm.uuid)
  const worker = fleet.has(vm.uuid) ? await fleet.status(vm.uuid) : null
  const stored = records.length === 0 ? null : await claimOf(needs, vm, worker)
  const holder = stored?.claim.holder ?? null
  const homes = [...new Set(records.flatMap((record) => record.homes))]
  const secondary = homes.find((host) => host !== holder) ?? null
  const name = (host: HostUuid): string => hostNameOf(parts, host)
  // XAPI shows a VM on its dead host until it is started elsewhere; a host without the claim lets it do nothing.
  const former = holder !== null && vm.residentOn !== holder ? vm.residentOn : null
  return {
    ...{
      vm: vm.uuid,
      name: vm.name,
      powerState: vm.powerState,
      level: levelOf(
        vm,
        records.map(({ level }) => level),
      ),
    },
    ...(former === null ? healthOf(needs, vm, worker, records.length > 0, secondary, stored) : movedFrom(name(former))),
    residentOn: vm.residentOn === null || former !== null ? null : name(vm.residentOn),
    holder: holder === null ? null : name(holder),
    secondary: secondary === null ? null : name(secondary),
    term: stored?.claim.term ?? null,
    disks: vm.disks.flatMap(({ location, userdevice, sizeBytes }): DiskStatus[] => {
      const record = catalogue.find(location)
      if (record === undefined) return []
      const hosts = stored?.claim.upToDate[record.key] ?? record.homes
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

async function claimOf({ parts }: StatusNeeds, vm: InventoryVm, worker: WorkerStatus | null): Promise<WorkerStatus['claim']> {
  if (worker?.role === 'primary') return worker.claim
  try {
    return await parts.witness.read(vm.uuid)
  } catch (error) {
    parts.log.debug('claim not read for a status', { vm: vm.uuid, error: String(error) })
    return worker?.claim ?? null
  }
}

/** The secondary's worker knows its own copy and the link; whose copies are whole is the claim's word. */
function seenBySecondary(parts: HostParts, worker: WorkerStatus, stored: WorkerStatus['claim']): Health {
  if (!worker.peerConnected) return { health: 'degraded', reason: worker.degraded || 'the primary is not connected' }
  const short = worker.volumes.filter(({ key }) => (stored?.claim.upToDate[key]?.length ?? 0) < 2)
  if (short.length === 0) return { health: 'protected', reason: '' }
  if (short.some(({ localReplica }) => localReplica === 'failed'))
    return { health: 'degraded', reason: `the replica on ${hostNameOf(parts, parts.host)} failed` }
  if (short.some(({ key }) => stored?.claim.upToDate[key]?.includes(parts.host) !== true))
    return { health: 'syncing', reason: 'not every disk is up-to-date on both hosts' }
  return { health: 'degraded', reason: `only the replica on ${hostNameOf(parts, parts.host)} is up-to-date` }
}

const movedFrom = (host: string): Health => ({
  health: 'degraded',
  reason: `XAPI still shows it on ${host}, which no longer holds its claim`,
})

function healthOf(
  { parts, mover, peers }: StatusNeeds,
  vm: InventoryVm,
  worker: WorkerStatus | null,
  kept: boolean,
  secondary: HostUuid | null,
  stored: WorkerStatus['claim'],
): Health {
  const move = mover.progress(vm.uuid)
  if (move?.error === '') {
    return {
      health: 'syncing',
      reason: `disk ${move.userdevice} moves into the Holdfast SR: ${Math.round(move.fraction * 100)} %`,
    }
  }
  if (!kept) return { health: 'unprotected', reason: move === undefined ? '' : `it could not be protected: ${move.error}` }
  if (worker?.role === 'primary') {
    if (worker.frozen) return { health: 'frozen', reason: worker.degraded || 'the guest waits for a replica' }
    if (worker.volumes.some(({ resync }) => resync !== null)) return { health: 'syncing', reason: worker.degraded }
    return worker.degraded === '' ? { health: 'protected', reason: '' } : { health: 'degraded', reason: worker.degraded }
  }
  const peer = peers().find(({ host }) => host === secondary)
  if (worker?.role === 'secondary') {
    return seenBySecondary(parts, worker, stored)
  }
  if (worker === null && secondary === parts.host)
    return { health: 'degraded', reason: 'the worker of this host does not answer' }
  return peer?.state === 'suspected'
    ? { health: 'degraded', reason: `${hostNameOf(parts, peer.host)} is suspected dead` }
    : { health: 'protected', reason: '' }
}

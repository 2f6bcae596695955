import { isUpToDateEverywhere } from '../../../core/domain/claim'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import type { LostVm } from '../../../core/failover/failover'
import type { WorkerSpec, WorkerStatus } from '../../../wire/worker-api'
import type { Fleet } from '../fleet'
import type { HostParts } from '../parts'

/** What the workers of this host, and the witness through them, say of a host that sends no heartbeats. */
export interface SilentHost {
  /** VMs whose claim it holds and whose other copy is here, with what their workers here say. */
  readonly lost: readonly (LostVm & { readonly status: WorkerStatus })[]
  /** A worker here is connected to one of its workers: only its daemon is silent. */
  readonly isHeard: boolean
  /** One of `lost` could be taken here if the host cannot act, as the witness has just said. */
  readonly isAtStake: boolean
}

type Seen = readonly [spec: WorkerSpec, status: WorkerStatus]

/** `ran`: whether a VM's guest used its disks when that was last known. */
export async function silentHost(
  host: HostUuid,
  parts: HostParts,
  fleet: Fleet,
  ran: (vm: VmUuid) => boolean,
): Promise<SilentHost> {
  const runs = (vm: VmUuid, { guestActive }: WorkerStatus): boolean =>
    guestActive || ran(vm) || parts.xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)?.residentOn === host
  const specs = fleet.specs().filter(({ vm }) => vm !== null)
  const asked = await Promise.all(specs.map(async (spec) => [spec, await fleet.status(spec.id)] as const))
  const seen = asked.flatMap(([spec, status]): Seen[] => (status === null ? [] : [[spec, status]]))
  const lost = seen.flatMap(([{ id }, status]) =>
    isLost(status, host) ? [{ ...ranked(id as VmUuid, parts), wasRunning: runs(id as VmUuid, status), status }] : [],
  )
  return {
    lost: lost.sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1)),
    isHeard: seen.some(
      ([spec, status]) => status.peerConnected && (isLost(status, host) || (isServing(status) && spec.peer?.host === host)),
    ),
    isAtStake: seen.some(
      ([, status]) =>
        isLost(status, host) &&
        status.claimIsCurrent &&
        status.claim !== null &&
        isUpToDateEverywhere(status.claim.claim, parts.host),
    ),
  }
}

const isLost = ({ role, claim }: WorkerStatus, host: HostUuid): boolean => role === 'secondary' && claim?.claim.holder === host
const isServing = ({ role }: WorkerStatus): boolean => role === 'primary'

/** When it is started, and how it is called. */
export function ranked(vm: VmUuid, { xapi }: HostParts): Omit<LostVm, 'wasRunning'> {
  const known = xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)
  const order = known?.order ?? 0
  const rank = order < 0 ? Number.MAX_SAFE_INTEGER : order
  return { vm, name: known?.name ?? vm, delaySeconds: known?.startDelaySeconds ?? 0, rank }
}

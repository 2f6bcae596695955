import { isRedundant, type StoredClaim } from '../../core/domain/claim'
import type { HostUuid, VolumeKey } from '../../core/domain/ids'
import type { VmHealth } from '../../wire/daemon-api'
import type { WorkerStatus } from '../../wire/worker-api'

export interface Health {
  readonly health: VmHealth
  /** Empty when the VM is protected. */
  readonly reason: string
}

/** What this host knows of a protected VM. */
export interface ProtectedVm {
  readonly host: HostUuid
  readonly nameOf: (host: HostUuid) => string
  /** Its disks. */
  readonly volumes: readonly VolumeKey[]
  /** Hosts that keep a replica. */
  readonly homes: readonly HostUuid[]
  /** Null: this host has none for the VM, or it does not answer. */
  readonly worker: WorkerStatus | null
  /** As it is now; `unread`: nobody could be asked. */
  readonly claim: StoredClaim | null | 'unread'
  readonly suspected: (host: HostUuid) => boolean
  /** It is to be in lockstep, and its guest runs. */
  readonly wantsLockstep: boolean
}

/** On the way into lockstep; see docs/reference/lockstep.md. */
const ENTERING = new Set(['beginning', 'preparing', 'seeding', 'claiming'])

/** What is not known is never called protected. */
export function healthOf(vm: ProtectedVm): Health {
  const disks = healthOfDisks(vm)
  return vm.wantsLockstep && disks.health === 'protected' ? healthOfMemory(vm) : disks
}

function healthOfMemory({ worker, claim }: ProtectedVm): Health {
  if (worker?.role !== 'primary')
    return isKnown(claim) && claim.claim.lockstep !== null
      ? { health: 'protected', reason: '' }
      : degraded('it is not in lockstep; the host that runs it knows why')
  const { isKept, state, why } = worker.lockstep ?? { isKept: false, state: '', why: 'its worker has not been told yet' }
  if (isKept) return { health: 'protected', reason: '' }
  if (ENTERING.has(state)) return { health: 'syncing', reason: why || 'its memory is being copied to its secondary' }
  return degraded(`it is not in lockstep, and at redirect until it is: ${why || 'the reason is not known yet'}`)
}

function healthOfDisks(vm: ProtectedVm): Health {
  const { worker, claim, homes, host } = vm
  if (worker?.role === 'primary') return seenByPrimary(worker)
  if (worker === null && (homes.includes(host) || (isKnown(claim) && claim.claim.holder === host)))
    return degraded('the worker of this host does not answer')
  if (worker?.role === 'secondary' && !worker.peerConnected) return degraded(worker.degraded || 'the primary is not connected')
  if (claim === 'unread') return degraded('the claim is not known: the witness does not answer')
  if (claim === null) return degraded('the witness holds no claim of it')
  const lost = [claim.claim.holder, ...homes].find((each) => each !== host && vm.suspected(each))
  if (lost !== undefined) return degraded(`${vm.nameOf(lost)} is suspected dead`)
  const lists = vm.volumes.map((volume) => claim.claim.upToDate[volume] ?? [])
  const short = lists.filter((hosts) => hosts.length < 2)
  if (short.length === 0) return { health: 'protected', reason: '' }
  return worker?.role === 'secondary' ? shortOnSecondary(vm, worker, short) : degraded(onlyOn(vm, short))
}

const isKnown = (claim: ProtectedVm['claim']): claim is StoredClaim => claim !== null && claim !== 'unread'

const degraded = (reason: string): Health => ({ health: 'degraded', reason })

function seenByPrimary(worker: WorkerStatus): Health {
  if (worker.frozen) return { health: 'frozen', reason: worker.degraded || 'the guest waits for a replica' }
  if (worker.volumes.some(({ resync }) => resync !== null)) return { health: 'syncing', reason: worker.degraded }
  if (worker.degraded !== '') return degraded(worker.degraded)
  // Whoever is not listed may not take the VM over, however whole its replica is.
  if (worker.claim !== null && !isRedundant(worker.claim.claim))
    return degraded('both replicas are whole, and the witness has not stored it yet')
  // It is mirrored; but should its worker hang, its packets would go on.
  if (worker.unguarded !== undefined && worker.unguarded !== '') return degraded(worker.unguarded)
  return { health: 'protected', reason: '' }
}

/** The secondary's worker knows its own copy and the link; whose copies are whole is the claim's word. */
function shortOnSecondary(vm: ProtectedVm, worker: WorkerStatus, short: readonly (readonly HostUuid[])[]): Health {
  if (worker.volumes.some(({ localReplica }) => localReplica === 'failed'))
    return degraded(`the replica on ${vm.nameOf(vm.host)} failed`)
  if (short.some((hosts) => !hosts.includes(vm.host)))
    return { health: 'syncing', reason: 'not every disk is up-to-date on both hosts' }
  return degraded(onlyOn(vm, short))
}

function onlyOn({ nameOf }: ProtectedVm, short: readonly (readonly HostUuid[])[]): string {
  const hosts = [...new Set(short.flat())]
  const [only, ...more] = hosts
  if (only === undefined) return 'no replica is known to be up-to-date'
  return more.length === 0 ? `only the replica on ${nameOf(only)} is up-to-date` : 'not every disk is up-to-date on both hosts'
}

/** Where a machine may run. */
import { ApiError, type CallContext, type Database, type Ref } from '../../contract'
import { flag, int, text, texts } from '../../values'
import { assertExists, filledVbds, vifsOf } from './machine'

type Reading = Pick<CallContext, 'db'>

function memoryTotal(db: Database, host: Ref): number {
  const metrics = text(db.get('host', host, 'metrics'))
  return db.exists('host_metrics', metrics) ? int(db.get('host_metrics', metrics, 'memory_total')) : 0
}

/** Memory not promised to any machine that runs, or is about to run, on the host. */
export function freeMemory({ db }: Reading, host: Ref): number {
  const promised = db
    .refs('VM')
    .filter((vm) => !flag(db.get('VM', vm, 'is_control_domain')))
    .filter((vm) => ['resident_on', 'scheduled_to_be_resident_on'].some((field) => db.get('VM', vm, field) === host))
    .reduce((sum, vm) => sum + int(db.get('VM', vm, 'memory_static_max')), 0)
  return memoryTotal(db, host) - promised
}

function assertStorage({ db }: Reading, vm: Ref, host: Ref): void {
  const plugged = new Set(
    texts(db.get('host', host, 'PBDs'))
      .filter((pbd) => flag(db.get('PBD', pbd, 'currently_attached')))
      .map((pbd) => text(db.get('PBD', pbd, 'SR'))),
  )
  for (const vbd of filledVbds(db, vm)) {
    const sr = text(db.get('VDI', text(db.get('VBD', vbd, 'VDI')), 'SR'))
    if (!plugged.has(sr)) throw new ApiError('VM_REQUIRES_SR', vm, sr)
  }
}

/** A network without any PIF is internal and exists on every host. */
function assertNetworks({ db }: Reading, vm: Ref, host: Ref): void {
  for (const vif of vifsOf(db, vm)) {
    const network = text(db.get('VIF', vif, 'network'))
    const pifs = texts(db.get('network', network, 'PIFs'))
    if (pifs.length > 0 && !pifs.some((pif) => db.get('PIF', pif, 'host') === host))
      throw new ApiError('VM_REQUIRES_NETWORK', vm, network)
  }
}

export function assertCanBootHere(call: Reading, vm: Ref, host: Ref): void {
  const { db } = call
  assertExists(db, 'host', host)
  if (!flag(db.get('host', host, 'enabled'))) throw new ApiError('HOST_DISABLED', host)
  const metrics = text(db.get('host', host, 'metrics'))
  if (!db.exists('host_metrics', metrics) || !flag(db.get('host_metrics', metrics, 'live'))) throw new ApiError('HOST_NOT_LIVE')
  assertStorage(call, vm, host)
  assertNetworks(call, vm, host)
  const [needed, free] = [int(db.get('VM', vm, 'memory_static_max')), freeMemory(call, host)]
  if (needed > free) throw new ApiError('HOST_NOT_ENOUGH_FREE_MEMORY', String(needed), String(free))
}

export function possibleHosts(call: Reading, vm: Ref): Ref[] {
  return call.db.refs('host').filter((host) => {
    try {
      assertCanBootHere(call, vm, host)
      return true
    } catch (error) {
      if (error instanceof ApiError) return false
      throw error
    }
  })
}

/** Whether every host could run it, as XAPI's own HA demands. */
export function assertAgile({ db }: Reading, vm: Ref): void {
  for (const vbd of filledVbds(db, vm)) {
    const sr = text(db.get('VDI', text(db.get('VBD', vbd, 'VDI')), 'SR'))
    const hosts = new Set(
      texts(db.get('SR', sr, 'PBDs'))
        .filter((pbd) => flag(db.get('PBD', pbd, 'currently_attached')))
        .map((pbd) => text(db.get('PBD', pbd, 'host'))),
    )
    const everywhere = db.refs('host').every((host) => !flag(db.get('host', host, 'enabled')) || hosts.has(host))
    if (!flag(db.get('SR', sr, 'shared')) || !everywhere) throw new ApiError('HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED', sr)
  }
}

/** The host the operator would like, else the one with most memory left, the coordinator last among equals. */
export function chooseHost(call: Pick<CallContext, 'db' | 'here'>, vm: Ref): Ref {
  const possible = possibleHosts(call, vm)
  const affinity = text(call.db.get('VM', vm, 'affinity'))
  if (possible.includes(affinity)) return affinity
  const [best] = [...possible].sort(
    (a, b) => freeMemory(call, b) - freeMemory(call, a) || Number(a === call.here) - Number(b === call.here),
  )
  if (best === undefined) throw new ApiError('NO_HOSTS_AVAILABLE')
  return best
}

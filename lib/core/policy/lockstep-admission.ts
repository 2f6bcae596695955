import type { HostUuid } from '../domain/ids'
import { hostName, type InventoryVm } from '../domain/inventory'
import type { RefusalValue } from '../domain/plan'
import { refuse } from './admission'
import { epochIntervals } from './lockstep-settings'
import type { Situation } from './protection'

/** What XAPI does to a VM's memory or disks that lockstep cannot go along with. */
const SNAPSHOTS = new Set(['snapshot', 'snapshot_with_quiesce', 'checkpoint', 'revert', 'csvm'])

/** What speaks against lockstep whichever host is to keep the VM's waiting copy; null: nothing does. */
export function lockstepObstacle(situation: Situation, vm: InventoryVm, primary: HostUuid): RefusalValue | null {
  const no = (reason: string): RefusalValue => refuse('HOLDFAST_LEVEL_UNSUPPORTED', { level: 'lockstep', vm: vm.name, reason })
  if (vm.passthrough.length > 0)
    return no(`It uses ${vm.passthrough.join(' and ')} of its host, and what a device of a host remembers cannot be copied.`)
  const snapshot = vm.operations.find((operation) => SNAPSHOTS.has(operation))
  if (snapshot !== undefined) return no(`XAPI is busy with its snapshots (${snapshot}).`)
  const lacks = situation.standbys.get(primary)?.lacks ?? null
  // Once the roles have changed, its copy waits there.
  if (lacks !== null) return no(`${hostName(situation.inventory, primary)}: ${lacks}.`)
  const settings = epochIntervals(vm)
  return 'code' in settings ? settings : null
}

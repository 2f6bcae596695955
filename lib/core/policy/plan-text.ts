import { unreachable } from '../domain/assert'
import type { SrUuid, VmUuid } from '../domain/ids'
import { hostName, type PoolInventory } from '../domain/inventory'
import type { HostLossStep, PlannedStep } from '../domain/plan'
import { memory } from './placement'

/** A step in an operator's words, with names instead of uuids. */
export function stepText(step: PlannedStep, inventory: PoolInventory): string {
  const sr = (uuid: SrUuid): string => inventory.srs.find((known) => known.uuid === uuid)?.name ?? uuid
  switch (step.step) {
    case 'move-disk':
      return `move disk ${step.userdevice} (${memory(step.sizeBytes)}) to SR ${sr(step.toSr)}`
    case 'make-claim':
      return `make the claim, held by ${hostName(inventory, step.holder)}`
    case 'prepare-secondary':
      return `make ${hostName(inventory, step.host)} the secondary`
    case 'mirror-volumes':
      return `mirror every disk to ${hostName(inventory, step.to)}`
    case 'prepare-standby':
      return `keep a waiting copy (${memory(step.memoryBytes)}) on ${hostName(inventory, step.host)}`
    case 'end-standby':
      return `end the waiting copy on ${hostName(inventory, step.host)}`
    case 'set-affinity':
      return `set the VM's affinity to ${hostName(inventory, step.host)}`
    case 'record-level':
      return step.secondary === null
        ? `record level ${step.level}`
        : `record level ${step.level} with ${hostName(inventory, step.secondary)} as secondary`
    case 'drop-replicas':
      return `delete the copies on ${hostName(inventory, step.host)}`
    case 'remove-claim':
      return 'remove the claim'
    default:
      return unreachable(step, 'stepText')
  }
}

export function lossStepText(step: HostLossStep, inventory: PoolInventory): string {
  const vm = (uuid: VmUuid): string => inventory.vms.find((known) => known.uuid === uuid)?.name ?? uuid
  switch (step.step) {
    case 'promote-coordinator': {
      const names = step.candidates.map((host) => hostName(inventory, host)).join(' or ')
      return names === '' ? 'the pool has no coordinator' : `make ${names} the coordinator`
    }
    case 'restart-vm': {
      const delay = step.delaySeconds === 0 ? '' : `, then wait ${step.delaySeconds} s`
      return `restart ${vm(step.vm)} on ${hostName(inventory, step.on)}${delay}`
    }
    case 'go-on':
      return `${vm(step.vm)} goes on from its memory on ${hostName(inventory, step.on)}`
    case 'rehome-vm':
      return `move ${vm(step.vm)} to ${hostName(inventory, step.on)}`
    case 'vm-stays-down':
      return `${vm(step.vm)} stays down`
    case 'vm-loses-secondary':
      return `${vm(step.vm)} loses its secondary`
    default:
      return unreachable(step, 'lossStepText')
  }
}

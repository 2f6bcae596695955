import type { Facts, RefusalCode } from '../domain/errors'
import type { HostUuid, SrUuid, VolumeKey } from '../domain/ids'
import { HOLDFAST_SR_TYPE, hostName, type InventoryDisk, type InventoryVm } from '../domain/inventory'
import { isLevel, type Level } from '../domain/level'
import type { RefusalValue } from '../domain/plan'
import { lockstepObstacle } from './lockstep-admission'
import { primaryOf, protectionOf, type Protection, type Situation } from './protection'

export interface Wish {
  /** As the operator wrote it; checked here. */
  readonly vm: string
  readonly level: string
}

/** A wish that nothing speaks against but, perhaps, the lack of a secondary. */
export interface Admitted {
  readonly protection: Protection
  readonly level: Level
  readonly primary: HostUuid
  /** For disks that have to move. */
  readonly targetSr: SrUuid
}

export const refuse = (code: RefusalCode, facts: Facts): RefusalValue => ({ code, facts })

/** What speaks against a wish whatever the other hosts are like; the first reason in this order is told. */
export function admit(situation: Situation, wish: Wish): Admitted | RefusalValue {
  const { inventory } = situation
  if (!isLevel(wish.level)) return refuse('HOLDFAST_UNKNOWN_LEVEL', { level: wish.level.slice(0, 80) })
  const vm = inventory.vms.find(({ uuid }) => uuid === wish.vm)
  if (vm === undefined) return refuse('HOLDFAST_UNKNOWN_VM', { vm: wish.vm.slice(0, 80) })
  if (inventory.haEnabled) return refuse('HOLDFAST_XAPI_HA_ENABLED', {})
  if (vm.disks.length === 0) return refuse('HOLDFAST_VM_HAS_NO_DISK', { vm: vm.name })
  const inUse = vm.disks.find(({ attachedElsewhere }) => attachedElsewhere.length > 0)
  if (inUse !== undefined) {
    return refuse('HOLDFAST_VDI_IN_USE', { vm: vm.name, vdi: diskName(inUse), other: inUse.attachedElsewhere.join(', ') })
  }
  const protection = protectionOf(vm, situation.claims.get(vm.uuid) ?? null)
  const primary = primaryOf(protection, situation)
  if (situation.suspected.has(primary)) {
    return refuse('HOLDFAST_HOST_UNREACHABLE', { host: hostName(inventory, primary), reason: `${vm.name} has its disks there` })
  }
  const obstacle = wish.level === 'lockstep' ? lockstepObstacle(situation, vm, primary) : null
  if (obstacle !== null) return obstacle
  const targetSr = holdfastSr(vm, situation, primary)
  if (targetSr === null) return refuse('HOLDFAST_NO_HOLDFAST_SR', { vm: vm.name })
  return strayCopy(protection, situation, primary) ?? { protection, level: wish.level, primary, targetSr }
}

/** Null when the plan may be carried out while the VM is in this state. */
export function haltFor(vm: InventoryVm, { inventory }: Situation): RefusalValue | null {
  const disk = vm.disks.find(isElsewhere)
  if (disk === undefined || vm.powerState === 'Halted') return null
  const sr = inventory.srs.find(({ uuid }) => uuid === disk.sr)?.name ?? disk.sr
  return refuse('HOLDFAST_DISK_ELSEWHERE', { vm: vm.name, vdi: diskName(disk), sr })
}

export const isElsewhere = ({ srType }: InventoryDisk): boolean => srType !== HOLDFAST_SR_TYPE

const diskName = ({ vdiName, vdi }: InventoryDisk): string => (vdiName === '' ? vdi : vdiName)

/** An unprotected volume whose only copy is on another host than the VM. */
function strayCopy({ vm, claim }: Protection, { inventory, homes }: Situation, primary: HostUuid): RefusalValue | null {
  if (claim !== null) return null
  const homeOf = (key: VolumeKey): readonly HostUuid[] => homes.get(key) ?? []
  const stray = volumesOf(vm).find((key) => homeOf(key).length > 0 && !homeOf(key).includes(primary))
  if (stray === undefined) return null
  const home = hostName(inventory, homeOf(stray)[0] ?? null)
  return refuse('HOLDFAST_VOLUME_ELSEWHERE', { volume: stray, host: hostName(inventory, primary), home })
}

export const volumesOf = (vm: InventoryVm): VolumeKey[] => vm.disks.map(({ location }) => location).filter((key) => key !== null)

/** Where the VM has disks already, else the Holdfast SR with the most room. */
function holdfastSr(vm: InventoryVm, { inventory }: Situation, primary: HostUuid): SrUuid | null {
  const usable = inventory.srs.filter(
    ({ type, shared, pluggedOn }) => type === HOLDFAST_SR_TYPE && shared && pluggedOn.includes(primary),
  )
  const present = usable.find(({ uuid }) => vm.disks.some(({ sr }) => sr === uuid))
  const byRoom = [...usable].sort((a, b) => b.sizeBytes - b.usedBytes - (a.sizeBytes - a.usedBytes))
  return (present ?? byRoom[0])?.uuid ?? null
}

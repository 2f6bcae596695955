import { isUpToDateEverywhere, type Claim } from '../domain/claim'
import { hostUuid, isUuid, type HostUuid, type VmUuid, type VolumeKey } from '../domain/ids'
import type { InventoryVm, PoolInventory } from '../domain/inventory'
import { isLevel, type Level } from '../domain/level'

/** Keys of VM.other_config that only this product writes: what was accepted, as opposed to what tags or custom fields ask for. */
export const LEVEL_KEY = 'holdfast-level'
export const SECONDARY_KEY = 'holdfast-secondary'

/** All that policy decides by. */
export interface Situation {
  readonly inventory: PoolInventory
  readonly claims: ReadonlyMap<VmUuid, Claim>
  /** Hosts that membership holds for dead or has not seen; XAPI's own `live` is minutes late. */
  readonly suspected: ReadonlySet<HostUuid>
  /** Hosts that are there, and with which something is wrong. */
  readonly grey: ReadonlySet<HostUuid>
  /** Which hosts keep a replica, for volumes that no claim speaks of. */
  readonly homes: ReadonlyMap<VolumeKey, readonly HostUuid[]>
  /** Asked for a wish of lockstep only. A host that is missing was not asked. */
  readonly standbys: ReadonlyMap<HostUuid, StandbyRoom>
}

/** What a host is like as the place of a VM's waiting copy. */
export interface StandbyRoom {
  /** Why it cannot keep one, a sentence's end; null: it can. */
  readonly lacks: string | null
  /** Memory that it has left now, by XAPI; null: not known. */
  readonly freeBytes: number | null
}

/** What a VM has been given. */
export interface Protection {
  readonly vm: InventoryVm
  readonly level: Level
  readonly secondary: HostUuid | null
  readonly claim: Claim | null
  /** Why `level` is not simply what other_config says; empty when it is. */
  readonly note: string
}

/**
 * A claim without a readable level keeps the VM protected at `restart`, the least that a claim stands for: neither a typo nor a
 * removed key lowers a protection (N5).
 */
export function protectionOf(vm: InventoryVm, claim: Claim | null): Protection {
  const text = vm.otherConfig[LEVEL_KEY]
  const recorded = vm.otherConfig[SECONDARY_KEY]
  const secondary = recorded !== undefined && isUuid(recorded) ? hostUuid(recorded) : partner(claim)
  if (text !== undefined && isLevel(text) && (text !== 'unprotected' || claim === null)) {
    return { vm, level: text, secondary: text === 'unprotected' ? null : secondary, claim, note: '' }
  }
  const note = text === undefined ? `other_config has no ${LEVEL_KEY}` : `other_config:${LEVEL_KEY} is "${text.slice(0, 40)}"`
  if (claim !== null) return { vm, level: 'restart', secondary, claim, note: `${note}, but the VM has a claim` }
  return { vm, level: 'unprotected', secondary: null, claim, note: text === undefined ? '' : note }
}

/** The other host that has every byte, when there is just one. */
function partner(claim: Claim | null): HostUuid | null {
  const others = new Set(claim === null ? [] : Object.values(claim.upToDate).flat())
  if (claim !== null) others.delete(claim.holder)
  const whole = [...others].filter((host) => claim !== null && isUpToDateEverywhere(claim, host))
  return whole.length === 1 ? (whole[0] ?? null) : null
}

export const protections = ({ inventory, claims }: Situation): Protection[] =>
  inventory.vms.map((vm) => protectionOf(vm, claims.get(vm.uuid) ?? null))

/** Where the VM runs, or would: its bytes decide, then its claim, then the operator's affinity. */
export function primaryOf({ vm, claim }: Protection, { inventory, homes }: Situation): HostUuid {
  const keys = vm.disks.map(({ location }) => location).filter((key) => key !== null)
  const home = keys.map((key) => homes.get(key)?.[0]).find((host) => host !== undefined)
  return vm.residentOn ?? claim?.holder ?? home ?? vm.affinity ?? inventory.coordinator
}

import type { HostUuid, SrUuid, VmUuid, VolumeKey } from './ids'

/** The pool as policy sees it: XAPI's records without its references. A snapshot of one moment; never changed in place. */
export interface PoolInventory {
  readonly pool: string
  readonly name: string
  readonly coordinator: HostUuid
  /** XAPI's own HA, which Holdfast refuses to run beside. */
  readonly haEnabled: boolean
  readonly otherConfig: Readonly<Record<string, string>>
  readonly hosts: readonly InventoryHost[]
  /** Ordinary VMs only; templates, snapshots and control domains are left out. */
  readonly vms: readonly InventoryVm[]
  readonly srs: readonly InventorySr[]
}

export interface InventoryHost {
  readonly uuid: HostUuid
  readonly name: string
  readonly address: string
  readonly enabled: boolean
  /** XAPI's belief, up to ten minutes late: never a failure detector. */
  readonly live: boolean
  readonly memoryTotalBytes: number
  /** Memory of the control domain, which no VM can have. */
  readonly memoryControlBytes: number
}

export type PowerState = 'Halted' | 'Paused' | 'Running' | 'Suspended'

export interface InventoryVm {
  readonly uuid: VmUuid
  readonly name: string
  readonly powerState: PowerState
  /** Null unless running or paused. */
  readonly residentOn: HostUuid | null
  /** -1 when there is no domain. */
  readonly domid: number
  readonly affinity: HostUuid | null
  readonly memoryBytes: number
  /** Start order: ascending from 0; negative ones come last. */
  readonly order: number
  readonly startDelaySeconds: number
  /** Operations in progress, e.g. `start`, `hard_shutdown`. */
  readonly operations: readonly string[]
  readonly otherConfig: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  /** Disks in the order of their device numbers; CD drives are left out. */
  readonly disks: readonly InventoryDisk[]
  readonly nics: readonly InventoryNic[]
  /** What of its host's devices it uses directly, for a sentence: "a PCI device". Empty: nothing. */
  readonly passthrough: readonly string[]
}

export interface InventoryDisk {
  /** VBD.userdevice, e.g. "0". */
  readonly userdevice: string
  readonly vdi: string
  readonly vdiName: string
  readonly sr: SrUuid
  readonly srType: string
  /** VDI.location: in a Holdfast SR the volume key, anywhere else meaningless here. */
  readonly location: VolumeKey | null
  readonly sizeBytes: number
  readonly mode: 'RW' | 'RO'
  readonly attached: boolean
  /** Names of other VMs that have this disk too. */
  readonly attachedElsewhere: readonly string[]
}

export interface InventoryNic {
  readonly device: string
  readonly mac: string
  readonly network: string
  readonly networkName: string
  /** Hosts that have a PIF on that network. */
  readonly networkOn: readonly HostUuid[]
}

export interface InventorySr {
  readonly uuid: SrUuid
  readonly name: string
  readonly type: string
  readonly shared: boolean
  /** Hosts whose PBD of this SR is plugged. */
  readonly pluggedOn: readonly HostUuid[]
  readonly sizeBytes: number
  readonly usedBytes: number
}

export const HOLDFAST_SR_TYPE = 'holdfast'

export const hostName = (inventory: PoolInventory, host: HostUuid | null): string =>
  host === null ? 'no host' : (inventory.hosts.find(({ uuid }) => uuid === host)?.name ?? host)

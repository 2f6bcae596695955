import type { Claim } from '../../../lib/core/domain/claim'
import {
  hostUuid,
  srUuid,
  vmUuid,
  volumeKey,
  type HostUuid,
  type SrUuid,
  type VmUuid,
  type VolumeKey,
} from '../../../lib/core/domain/ids'
import type { InventoryDisk, InventoryVm, PoolInventory, PowerState } from '../../../lib/core/domain/inventory'
import { LEVEL_KEY, SECONDARY_KEY, type Situation } from '../../../lib/core/policy/protection'

/** tests/plans/<case>/pool.json: a pool by names; what is left out is ordinary (2 GiB hosts, 256 MiB VMs, everything plugged). */
export interface PoolFile {
  readonly hosts: Readonly<Record<string, HostInFile>>
  readonly coordinator?: string
  readonly haEnabled?: boolean
  readonly srs?: Readonly<Record<string, { type?: string; shared?: boolean; on?: string[]; freeMiB?: number }>>
  readonly vms: Readonly<Record<string, VmInFile>>
  readonly suspected?: readonly string[]
  readonly grey?: readonly string[]
  readonly ask: readonly (
    { protect: string; level: string } | { unprotect: string } | { lose: string } | { move: string; to: string }
  )[]
}

interface HostInFile {
  readonly memoryMiB?: number
  readonly enabled?: boolean
  readonly live?: boolean
  readonly freeMiB?: number
  /** For waiting copies. */
  readonly lacks?: string
}

interface VmInFile {
  readonly on?: string
  readonly state?: PowerState
  readonly affinity?: string
  readonly memoryMiB?: number
  readonly order?: number
  readonly startDelay?: number
  readonly otherConfig?: Readonly<Record<string, string>>
  readonly level?: string
  readonly secondary?: string
  readonly claim?: ClaimInFile
  readonly disks?: readonly { sr?: string; mib?: number; home?: string; homes?: string[]; alsoOf?: string[] }[]
  /** Hosts that the VM's only network reaches. */
  readonly network?: readonly string[]
  readonly operations?: readonly string[]
  readonly passthrough?: readonly string[]
}

interface ClaimInFile {
  readonly holder: string
  readonly upToDate: readonly string[]
  /** In lockstep: where its copy waits. */
  readonly memoryOn?: string
}

const MIB = 1024 * 1024

/** The same uuid for the same name, readable in a failure: h1 becomes 68310000-0000-4000-8000-00000000000k. */
const uuidOf = (kind: string, name: string): string => {
  const hex = Buffer.from(`${kind}${name}`).toString('hex').padEnd(32, '0').slice(0, 32)
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-')
}
export const hostId = (name: string): HostUuid => hostUuid(uuidOf('', name))
export const vmId = (name: string): VmUuid => vmUuid(uuidOf('', name))
const srId = (name: string): SrUuid => srUuid(uuidOf('', name))
const volumeId = (vm: string, device: number): VolumeKey => volumeKey(uuidOf(`${device}`, vm))

const DEFAULT_SRS: NonNullable<PoolFile['srs']> = { Holdfast: {} }

export function situationOf(file: PoolFile): Situation {
  const hosts = Object.keys(file.hosts)
  const claims = Object.entries(file.vms).flatMap(([name, vm]) => (vm.claim === undefined ? [] : [claimOf(name, vm, vm.claim)]))
  const homes = Object.entries(file.vms).flatMap(([name, { disks = [{}] }]) =>
    disks.flatMap(({ home, homes = home === undefined ? [] : [home] }, device) =>
      homes.length === 0 ? [] : [[volumeId(name, device), homes.map(hostId)] as const],
    ),
  )
  return {
    inventory: inventoryOf(file, hosts),
    claims: new Map(claims.map((claim) => [claim.vm, claim])),
    suspected: new Set((file.suspected ?? []).map(hostId)),
    grey: new Set((file.grey ?? []).map(hostId)),
    homes: new Map(homes),
    standbys: new Map(
      Object.entries(file.hosts).map(([name, { lacks = null, freeMiB }]) => [
        hostId(name),
        { lacks, freeBytes: freeMiB === undefined ? null : freeMiB * MIB },
      ]),
    ),
  }
}

function inventoryOf(file: PoolFile, hosts: readonly string[]): PoolInventory {
  const srs = file.srs ?? DEFAULT_SRS
  return {
    pool: uuidOf('', 'pool'),
    name: 'pool',
    coordinator: hostId(file.coordinator ?? hosts[0] ?? 'h1'),
    haEnabled: file.haEnabled ?? false,
    otherConfig: {},
    hosts: hosts.map((name, index) => ({
      uuid: hostId(name),
      name,
      address: `10.0.0.${index + 1}`,
      enabled: file.hosts[name]?.enabled ?? true,
      live: file.hosts[name]?.live ?? true,
      memoryTotalBytes: (file.hosts[name]?.memoryMiB ?? 2048) * MIB,
      memoryControlBytes: 0,
    })),
    vms: Object.entries(file.vms).map(([name, vm]) => vmOf(name, vm, srs, hosts)),
    srs: Object.entries(srs).map(([name, { type = 'holdfast', shared = true, on = hosts, freeMiB = 8192 }]) => ({
      uuid: srId(name),
      name,
      type,
      shared,
      pluggedOn: on.map(hostId),
      sizeBytes: freeMiB * MIB,
      usedBytes: 0,
    })),
  }
}

function vmOf(name: string, vm: VmInFile, srs: NonNullable<PoolFile['srs']>, hosts: readonly string[]): InventoryVm {
  const disks = (vm.disks ?? [{}]).map(({ sr = 'Holdfast', mib = 1024, alsoOf = [] }, device): InventoryDisk => {
    const srType = srs[sr]?.type ?? 'holdfast'
    return {
      userdevice: String(device),
      vdi: uuidOf(`d${device}`, name),
      vdiName: `${name} ${device}`,
      sr: srId(sr),
      srType,
      location: srType === 'holdfast' ? volumeId(name, device) : null,
      sizeBytes: mib * MIB,
      mode: 'RW',
      attached: vm.on !== undefined,
      attachedElsewhere: alsoOf,
    }
  })
  return {
    uuid: vmId(name),
    name,
    powerState: vm.state ?? (vm.on === undefined ? 'Halted' : 'Running'),
    residentOn: vm.on === undefined ? null : hostId(vm.on),
    domid: vm.on === undefined ? -1 : 1,
    affinity: vm.affinity === undefined ? null : hostId(vm.affinity),
    memoryBytes: (vm.memoryMiB ?? 256) * MIB,
    order: vm.order ?? 0,
    startDelaySeconds: vm.startDelay ?? 0,
    operations: vm.operations ?? [],
    passthrough: vm.passthrough ?? [],
    otherConfig: {
      ...vm.otherConfig,
      ...(vm.level === undefined ? {} : { [LEVEL_KEY]: vm.level }),
      ...(vm.secondary === undefined ? {} : { [SECONDARY_KEY]: hostId(vm.secondary) }),
    },
    tags: [],
    disks,
    nics: [
      {
        device: '0',
        mac: '',
        network: uuidOf('', 'net'),
        networkName: 'production',
        networkOn: (vm.network ?? hosts).map(hostId),
      },
    ],
  }
}

function claimOf(name: string, vm: VmInFile, { holder, upToDate, memoryOn }: ClaimInFile): Claim {
  const keys = (vm.disks ?? [{}]).map((_, device) => volumeId(name, device))
  return {
    vm: vmId(name),
    term: 1,
    holder: hostId(holder),
    leaseMs: 1500,
    upToDate: Object.fromEntries(keys.map((key) => [key, upToDate.map(hostId)])),
    lockstep: memoryOn === undefined ? null : { secondary: hostId(memoryOn), run: 1 },
  }
}

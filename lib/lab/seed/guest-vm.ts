import { createHash } from 'node:crypto'
import { NULL_REF, type Ref, type Value } from '../contract'
import { GUEST_MEMORY_BYTES, guestArguments } from '../guest/boot'
import { GUEST_IMAGE_IN_HOST } from '../guest/image/image'
import type { LocalApi } from './local-api'

export interface GuestVmOptions {
  readonly name: string
  readonly sr: Ref
  readonly diskBytes: number
  /** With the prefix length, e.g. `10.77.3.10/24`. */
  readonly address: string
  /** Bridge of the network its NIC is on. */
  readonly bridge?: string
}

export interface GuestVm {
  readonly vm: Ref
  readonly vmUuid: string
  readonly vdi: Ref
  readonly vdiUuid: string
}

const NO_QOS = { qos_algorithm_type: '', qos_algorithm_params: {} }

/** Makes a halted VM that boots the lab's guest and keeps its data in memory: one NIC on production. */
export async function createDisklessVm(
  api: LocalApi,
  { name, address, bridge = 'xenbr3' }: Pick<GuestVmOptions, 'name' | 'address' | 'bridge'>,
): Promise<Ref> {
  const network = await networkOn(api, bridge)
  const vm = await api.ref('VM.create', vmFields(name, address))
  await api.ref('VIF.create', { device: '0', network, VM: vm, MAC: macFor(name), MTU: 1500, other_config: {}, ...NO_QOS })
  return vm
}

/** One with a disk. */
export async function createGuestVm(api: LocalApi, options: GuestVmOptions): Promise<GuestVm> {
  const { name, sr, diskBytes } = options
  const vm = await createDisklessVm(api, options)
  const vdi = await api.ref('VDI.create', {
    ...{ name_label: `${name} disk 0`, name_description: '', SR: sr, virtual_size: diskBytes, type: 'user' },
    ...{ sharable: false, read_only: false, other_config: {}, xenstore_data: {}, sm_config: {}, tags: [] },
  })
  await api.ref('VBD.create', {
    ...{ VM: vm, VDI: vdi, userdevice: '0', bootable: true, mode: 'RW', type: 'Disk', unpluggable: true, empty: false },
    ...{ other_config: {}, ...NO_QOS },
  })
  return { vm, vdi, vmUuid: await api.ref('VM.get_uuid', vm), vdiUuid: await api.ref('VDI.get_uuid', vdi) }
}

function vmFields(name: string, address: string): { [field: string]: Value } {
  const memory = GUEST_MEMORY_BYTES
  return {
    ...{
      name_label: name,
      name_description: 'redis on a disk of its own',
      user_version: 1,
      is_a_template: false,
      affinity: NULL_REF,
    },
    ...{ memory_static_max: memory, memory_dynamic_max: memory, memory_dynamic_min: memory, memory_static_min: memory },
    ...{ VCPUs_params: {}, VCPUs_max: 1, VCPUs_at_startup: 1 },
    ...{ actions_after_shutdown: 'destroy', actions_after_reboot: 'restart', actions_after_crash: 'restart' },
    ...{ PV_bootloader: '', PV_kernel: GUEST_IMAGE_IN_HOST.kernel, PV_ramdisk: GUEST_IMAGE_IN_HOST.ramdisk },
    ...{ PV_args: guestArguments(address), PV_bootloader_args: '', PV_legacy_args: '' },
    ...{
      HVM_boot_policy: '',
      HVM_boot_params: {},
      domain_type: 'pv',
      platform: {},
      PCI_bus: '',
      other_config: {},
      recommendations: '',
    },
    ...{ ha_always_run: false, ha_restart_priority: '' },
  }
}

async function networkOn(api: LocalApi, bridge: string): Promise<Ref> {
  for (const network of refs(await api.call('network.get_all'))) {
    if ((await api.ref('network.get_bridge', network)) === bridge) return network
  }
  throw new Error(`the pool has no network on ${bridge}`)
}

const refs = (value: Value): Ref[] => (Array.isArray(value) ? value.filter((ref) => typeof ref === 'string') : [])

/** The same for the same name: switches and neighbours know the machine again wherever it starts. */
function macFor(name: string): string {
  const tail = createHash('sha256').update(name).digest('hex').slice(0, 6)
  return `52:54:00:${tail.slice(0, 2)}:${tail.slice(2, 4)}:${tail.slice(4, 6)}`
}

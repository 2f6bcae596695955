import { hostUuid, isUuid, srUuid, vmUuid, volumeKey, type HostUuid } from '../core/domain/ids'
import { HOLDFAST_SR_TYPE } from '../core/domain/inventory'
import type {
  InventoryDisk,
  InventoryHost,
  InventoryNic,
  InventorySr,
  InventoryVm,
  PoolInventory,
  PowerState,
} from '../core/domain/inventory'
import { NULL_REF, OddAnswer, type RecordTables, type XapiRecord } from './records'

/** What the view needs; all rarely change but host_metrics, whose memory figures do. */
export const VIEW_CLASSES = ['pool', 'host', 'host_metrics', 'vm', 'vbd', 'vdi', 'sr', 'pbd', 'vif', 'pif', 'network'] as const

/**
 * XAPI's records as the domain's inventory. Pure. References that point nowhere (XAPI accepts them everywhere) count as null;
 * a record that lacks a field is a bug worth an OddAnswer. Null while there is no pool record or no coordinator.
 */
export function viewOf(tables: RecordTables): PoolInventory | null {
  const all = (cls: string): XapiRecord[] => [...(tables.get(cls)?.values() ?? [])]
  const links = new Links(tables)
  const pool = all('pool')[0]
  const coordinator = pool === undefined ? null : links.host(pool.text('master'))
  if (pool === undefined || coordinator === null) return null
  const vms = all('vm')
  return {
    pool: pool.text('uuid'),
    name: pool.text('name_label'),
    coordinator,
    haEnabled: pool.bool('ha_enabled'),
    otherConfig: pool.map('other_config'),
    hosts: sortedByName(all('host').map((host) => hostView(host, links, vms))),
    vms: sortedByName(vms.filter(isOrdinary).map((vm) => vmView(vm, links))),
    srs: sortedByName(all('sr').map((sr) => srView(sr, links))),
  }
}

const isOrdinary = (vm: XapiRecord): boolean =>
  !vm.bool('is_a_template') && !vm.bool('is_a_snapshot') && !vm.bool('is_control_domain')

const sortedByName = <T extends { readonly name: string; readonly uuid: string }>(items: T[]): T[] =>
  items.sort((a, b) => compare(a.name, b.name) || compare(a.uuid, b.uuid))

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Forward references only: they are what a new object's own event carries; the back references come with other events. */
class Links {
  readonly vbdsOfVm: ReadonlyMap<string, readonly XapiRecord[]>
  readonly vbdsOfVdi: ReadonlyMap<string, readonly XapiRecord[]>
  readonly vifsOfVm: ReadonlyMap<string, readonly XapiRecord[]>
  readonly pbdsOfSr: ReadonlyMap<string, readonly XapiRecord[]>
  readonly pifsOfNetwork: ReadonlyMap<string, readonly XapiRecord[]>

  constructor(private readonly tables: RecordTables) {
    this.vbdsOfVm = this.grouped('vbd', 'VM')
    this.vbdsOfVdi = this.grouped('vbd', 'VDI')
    this.vifsOfVm = this.grouped('vif', 'VM')
    this.pbdsOfSr = this.grouped('pbd', 'SR')
    this.pifsOfNetwork = this.grouped('pif', 'network')
  }

  at(cls: string, ref: string): XapiRecord | undefined {
    return ref === NULL_REF ? undefined : this.tables.get(cls)?.get(ref)
  }

  host(ref: string): HostUuid | null {
    const host = this.at('host', ref)
    return host === undefined ? null : hostUuid(host.text('uuid'))
  }

  hosts(records: readonly XapiRecord[] | undefined): HostUuid[] {
    const hosts = (records ?? []).map((record) => this.host(record.text('host')))
    return [...new Set(hosts)].filter((host) => host !== null).sort()
  }

  private grouped(cls: string, field: string): Map<string, XapiRecord[]> {
    const groups = new Map<string, XapiRecord[]>()
    for (const record of this.tables.get(cls)?.values() ?? []) {
      const ref = record.text(field)
      const group = groups.get(ref)
      if (group === undefined) groups.set(ref, [record])
      else group.push(record)
    }
    return groups
  }
}

function hostView(host: XapiRecord, links: Links, vms: readonly XapiRecord[]): InventoryHost {
  const metrics = links.at('host_metrics', host.text('metrics'))
  const control = vms.filter((vm) => vm.bool('is_control_domain') && vm.text('resident_on') === host.ref)
  return {
    uuid: hostUuid(host.text('uuid')),
    name: host.text('name_label'),
    address: host.text('address'),
    enabled: host.bool('enabled'),
    live: metrics?.bool('live') ?? false,
    memoryTotalBytes: metrics?.int('memory_total') ?? 0,
    memoryControlBytes: control.reduce((sum, vm) => sum + vm.int('memory_dynamic_max'), 0),
  }
}

function vmView(vm: XapiRecord, links: Links): InventoryVm {
  const disks = (links.vbdsOfVm.get(vm.ref) ?? []).map((vbd) => diskView(vbd, vm, links)).filter((disk) => disk !== null)
  return {
    uuid: vmUuid(vm.text('uuid')),
    name: vm.text('name_label'),
    powerState: powerState(vm),
    residentOn: links.host(vm.text('resident_on')),
    domid: vm.int('domid'),
    affinity: links.host(vm.text('affinity')),
    memoryBytes: vm.int('memory_static_max'),
    order: vm.int('order'),
    startDelaySeconds: vm.int('start_delay'),
    operations: [...new Set(Object.values(vm.map('current_operations')))].sort(),
    otherConfig: vm.map('other_config'),
    tags: vm.texts('tags'),
    disks: disks.sort((a, b) => Number(a.userdevice) - Number(b.userdevice)),
    nics: (links.vifsOfVm.get(vm.ref) ?? [])
      .map((vif) => nicView(vif, links))
      .sort((a, b) => Number(a.device) - Number(b.device)),
    passthrough: passthrough(vm),
  }
}

/** `other_config:pci` is XAPI's older way to say it; it takes effect at the next start. */
function passthrough(vm: XapiRecord): string[] {
  const isNamed = (vm.map('other_config')['pci'] ?? '') !== ''
  return [
    ...(isNamed || vm.setOrNone('attached_PCIs').length > 0 ? ['a PCI device'] : []),
    ...(vm.setOrNone('VGPUs').length > 0 ? ['a virtual GPU'] : []),
    ...(vm.setOrNone('VUSBs').length > 0 ? ['a USB device'] : []),
  ]
}

function powerState(vm: XapiRecord): PowerState {
  const state = vm.text('power_state')
  if (state === 'Halted' || state === 'Paused' || state === 'Running' || state === 'Suspended') return state
  throw new OddAnswer(`VM.power_state of ${vm.ref} is ${JSON.stringify(state.slice(0, 40))}`)
}

function diskView(vbd: XapiRecord, vm: XapiRecord, links: Links): InventoryDisk | null {
  const vdi = links.at('vdi', vbd.text('VDI'))
  const sr = vdi === undefined ? undefined : links.at('sr', vdi.text('SR'))
  if (vbd.text('type') !== 'Disk' || vdi === undefined || sr === undefined) return null
  const location = vdi.text('location')
  const others = (links.vbdsOfVdi.get(vdi.ref) ?? [])
    .map((other) => links.at('vm', other.text('VM')))
    .filter((other) => other !== undefined)
    .filter((other) => other.ref !== vm.ref && !other.bool('is_a_template') && !other.bool('is_a_snapshot'))
  return {
    userdevice: vbd.text('userdevice'),
    vdi: vdi.text('uuid'),
    vdiName: vdi.text('name_label'),
    sr: srUuid(sr.text('uuid')),
    srType: sr.text('type'),
    location: sr.text('type') === HOLDFAST_SR_TYPE && isUuid(location) ? volumeKey(location) : null,
    sizeBytes: vdi.int('virtual_size'),
    mode: vbd.text('mode') === 'RO' ? 'RO' : 'RW',
    attached: vbd.bool('currently_attached'),
    attachedElsewhere: others.map((other) => other.text('name_label')).sort(),
  }
}

function nicView(vif: XapiRecord, links: Links): InventoryNic {
  const network = links.at('network', vif.text('network'))
  return {
    device: vif.text('device'),
    mac: vif.text('MAC'),
    network: network?.text('uuid') ?? '',
    networkName: network?.text('name_label') ?? '',
    networkOn: links.hosts(links.pifsOfNetwork.get(vif.text('network'))),
  }
}

function srView(sr: XapiRecord, links: Links): InventorySr {
  const plugged = (links.pbdsOfSr.get(sr.ref) ?? []).filter((pbd) => pbd.bool('currently_attached'))
  return {
    uuid: srUuid(sr.text('uuid')),
    name: sr.text('name_label'),
    type: sr.text('type'),
    shared: sr.bool('shared'),
    pluggedOn: links.hosts(plugged),
    sizeBytes: sr.int('physical_size'),
    usedBytes: sr.int('physical_utilisation'),
  }
}

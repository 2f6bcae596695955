import type { SmallXapi } from './small-xapi'

export const UUID = {
  pool: '00000000-0000-4000-8000-000000000001',
  h1: '11111111-0000-4000-8000-000000000001',
  h2: '22222222-0000-4000-8000-000000000002',
  vm: 'aaaaaaaa-0000-4000-8000-00000000000a',
  vdi: 'dddddddd-0000-4000-8000-00000000000d',
  volume: 'eeeeeeee-0000-4000-8000-00000000000e',
  sr: '55555555-0000-4000-8000-000000000005',
}

const NOTHING = 'OpaqueRef:NULL'
const vm = {
  name_label: 'orders',
  is_a_template: false,
  is_a_snapshot: false,
  is_control_domain: false,
  power_state: 'Halted',
  resident_on: NOTHING,
  domid: -1,
  affinity: NOTHING,
  memory_static_max: 1 << 28,
  memory_dynamic_max: 1 << 28,
  order: 0,
  start_delay: 0,
  current_operations: {},
  other_config: {},
  tags: [],
}

/** Two hosts, one Holdfast SR plugged on both, one VM with one disk and an empty CD drive, a template and a control domain. */
export function fillSmallPool(xapi: SmallXapi): void {
  xapi.set('pool', 'pool', { uuid: UUID.pool, name_label: 'lab', master: 'h1', ha_enabled: false, other_config: {} })
  for (const [ref, uuid] of [
    ['h1', UUID.h1],
    ['h2', UUID.h2],
  ] as const) {
    xapi.set('host_metrics', `${ref}-metrics`, { uuid, live: true, memory_total: 1 << 30 })
    xapi.set('host', ref, { uuid, name_label: ref, address: `10.0.0.${ref.slice(1)}`, enabled: true, metrics: `${ref}-metrics` })
    xapi.set('pbd', `pbd-${ref}`, { host: ref, SR: 'sr', currently_attached: true })
    xapi.set('vm', `dom0-${ref}`, { ...vm, uuid, is_control_domain: true, resident_on: ref, memory_dynamic_max: 1 << 27 })
  }
  xapi.set('sr', 'sr', {
    uuid: UUID.sr,
    name_label: 'Holdfast',
    type: 'holdfast',
    shared: true,
    physical_size: 1 << 30,
    physical_utilisation: 0,
  })
  xapi.set('vm', 'vm', { ...vm, uuid: UUID.vm })
  xapi.set('vm', 'template', { ...vm, uuid: UUID.pool, is_a_template: true })
  xapi.set('vdi', 'vdi', { uuid: UUID.vdi, name_label: 'orders 0', SR: 'sr', location: UUID.volume, virtual_size: 1 << 25 })
  xapi.set('vbd', 'vbd', { VM: 'vm', VDI: 'vdi', type: 'Disk', userdevice: '0', mode: 'RW', currently_attached: false })
  xapi.set('vbd', 'cd', { VM: 'vm', VDI: NOTHING, type: 'CD', userdevice: '3', mode: 'RO', currently_attached: false })
  xapi.set('network', 'net', { uuid: UUID.pool, name_label: 'production' })
  xapi.set('pif', 'pif-h1', { host: 'h1', network: 'net' })
  xapi.set('vif', 'vif', { VM: 'vm', network: 'net', device: '0', MAC: '02:00:00:00:00:01' })
}

/** The database of a pool that has just been racked: what the description says, and what every host brings along. */
import type { HostDescription, NicDescription, PoolDescription, Ref } from '../../contract'
import { NULL_REF } from '../../contract'
import { dateText } from '../../values'
import { PoolDatabase } from '../database/database'

export function newPool(description: PoolDescription): PoolDatabase {
  const db = new PoolDatabase()
  const networks = new Map(description.hosts.flatMap((host) => host.nics).map((nic) => [nic.network, nic.bridge] as const))
  const networkRefs = new Map([...networks].map(([name, bridge]) => [name, addNetwork(db, name, bridge)] as const))
  const hosts = description.hosts.map((host) => addHost(db, host, networkRefs))
  db.create('pool', {
    uuid: description.poolUuid,
    name_label: description.poolName,
    master: hosts[0] ?? NULL_REF,
    wlb_verify_cert: true,
    ha_cluster_stack: 'xhad',
    tls_verification_enabled: true,
    default_SR: NULL_REF,
    suspend_image_SR: NULL_REF,
    crash_dump_SR: NULL_REF,
    cpu_info: { cpu_count: String(2 * hosts.length), socket_count: String(hosts.length), vendor: 'AuthenticAMD' },
    allowed_operations: ['ha_enable', 'designate_new_master', 'eject'],
  })
  db.create('user', { short_name: 'root', fullname: 'root' })
  for (const name of ['pool-admin', 'pool-operator', 'vm-power-admin', 'vm-admin', 'vm-operator', 'read-only']) {
    db.create('role', { name_label: name, is_internal: false })
  }
  return db
}

const NETWORK_NAMES: Readonly<Record<NicDescription['network'], string>> = {
  management: 'Pool-wide network associated with eth0',
  alink0: 'Pool-wide network associated with eth1',
  alink1: 'Pool-wide network associated with eth2',
  production: 'Pool-wide network associated with eth3',
}

function addNetwork(db: PoolDatabase, network: NicDescription['network'], bridge: string): Ref {
  return db.create('network', {
    name_label: NETWORK_NAMES[network],
    bridge,
    MTU: 1500,
    managed: true,
    default_locking_mode: 'unlocked',
  })
}

function addHost(db: PoolDatabase, host: HostDescription, networks: ReadonlyMap<string, Ref>): Ref {
  const now = dateText(new Date())
  const metrics = db.create('host_metrics', {
    ...{ live: true, memory_total: host.memoryBytes, memory_free: host.memoryBytes, last_updated: now },
  })
  const ref = db.create('host', {
    uuid: host.uuid,
    name_label: host.name,
    hostname: host.name,
    address: host.address,
    metrics,
    enabled: false,
    control_domain: NULL_REF,
    API_version_major: 2,
    API_version_minor: 21,
    API_version_vendor: 'XenSource',
    capabilities: ['xen-3.0-x86_64', 'hvm-3.0-x86_64'],
    cpu_info: {
      cpu_count: '2',
      socket_count: '1',
      vendor: 'AuthenticAMD',
      speed: '2400.000',
      modelname: 'Lab CPU',
      flags: 'fpu',
    },
    software_version: SOFTWARE_VERSION,
    other_config: { agent_start_time: `${Math.floor(Date.now() / 1000)}.`, boot_time: `${Math.floor(Date.now() / 1000)}.` },
    ...{ sched_policy: 'credit', edition: 'xcp-ng', editions: ['xcp-ng'], https_only: false, ssl_legacy: false },
    ...{ suspend_image_sr: NULL_REF, crash_dump_sr: NULL_REF, virtual_hardware_platform_versions: [0, 1, 2] },
    ...{ supported_bootloaders: ['pygrub', 'eliloader'], tls_verification_enabled: true },
  })
  db.set('host', ref, 'control_domain', addControlDomain(db, host, ref))
  for (const nic of host.nics) addPif(db, ref, nic, networks.get(nic.network) ?? NULL_REF)
  return ref
}

const SOFTWARE_VERSION = {
  ...{ product_version: '8.3.0', product_version_text: '8.3', product_version_text_short: '8.3', product_brand: 'XCP-ng' },
  ...{ platform_name: 'XCP', platform_version: '3.4.0', xapi: '26.1', xapi_build: '26.1.4', xen: '4.17.6', linux: '4.19.0+1' },
  ...{ build_number: 'lab', network_backend: 'bridge', db_schema: '5.900' },
}

const DOM0_BYTES = 256 * 1024 * 1024

function addControlDomain(db: PoolDatabase, host: HostDescription, ref: Ref): Ref {
  const metrics = db.create('VM_metrics', {
    memory_actual: DOM0_BYTES,
    VCPUs_number: 2,
    current_domain_type: 'pv',
    state: ['running'],
  })
  return db.create('VM', {
    name_label: `Control domain on host: ${host.name}`,
    name_description: 'The domain which manages physical devices and manages other domains',
    ...{ power_state: 'Running', is_control_domain: true, domid: 0, resident_on: ref, affinity: ref, metrics },
    ...{ guest_metrics: NULL_REF, memory_static_max: DOM0_BYTES, memory_static_min: DOM0_BYTES },
    ...{ memory_dynamic_max: DOM0_BYTES, memory_dynamic_min: DOM0_BYTES, memory_target: DOM0_BYTES },
    ...{ VCPUs_max: 2, VCPUs_at_startup: 2, domain_type: 'pv', domarch: 'x64' },
    ...{ actions_after_shutdown: 'destroy', actions_after_reboot: 'destroy', actions_after_crash: 'destroy' },
  })
}

function addPif(db: PoolDatabase, host: Ref, nic: NicDescription, network: Ref): void {
  const metrics = db.create('PIF_metrics', { carrier: true, device_name: nic.device, speed: 1000, duplex: true })
  db.create('PIF', {
    ...{
      device: nic.device,
      MAC: nic.mac,
      MTU: 1500,
      VLAN: -1,
      network,
      host,
      metrics,
      physical: true,
      currently_attached: true,
    },
    ...{ management: nic.network === 'management', IP: nic.address, netmask: nic.netmask },
    ip_configuration_mode: nic.address === '' ? 'None' : 'Static',
  })
}

/** The pool that the recordings were made on: three hosts, a shared repository, three halted machines, some odd plug-ins. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Value } from '../../contract'
import { NULL_REF } from '../../contract'
import { flag, text, texts } from '../../values'
import { XeClient } from '../../xe/client'
import { LoopbackPool } from './loopback-pool'
import { timesAt } from './pace'
import type { Placeholders } from './placeholders'
import type { Recording } from './recording'
import { carriedTools } from './recording'

const PASSWORD = 'xenroot'
const READY_MS = 30_000
/** As long as on the machines that were recorded. */
const DOMAIN_MS = 50

export async function setScene(
  names: Placeholders,
  conversation: readonly Recording[],
  tools: ReadonlyMap<string, string>,
  speed: number,
): Promise<LoopbackPool> {
  const pool = await LoopbackPool.make(['host1', 'host2', 'host3'], PASSWORD, timesAt(speed), DOMAIN_MS / speed)
  try {
    await dress(pool, names, [...new Set(conversation.flatMap((part) => part.machines))], tools)
    return pool
  } catch (error) {
    await pool.close()
    throw error
  }
}

async function dress(
  pool: LoopbackPool,
  names: Placeholders,
  machines: readonly string[],
  tools: ReadonlyMap<string, string>,
): Promise<void> {
  mkdirSync(join(pool.folder, 'shared'))
  for (const host of pool.hosts) {
    mkdirSync(join(host.root, 'srv'), { recursive: true })
    symlinkSync(join(pool.folder, 'shared'), join(host.root, 'srv/shared'))
    installTools(host.root, tools)
    await pool.powerOn(host)
  }
  const [head] = pool.hosts
  if (head === undefined) throw new Error('a pool without hosts')
  const client = new XeClient({ socketPath: head.socketPath })
  await client.login('root', '')
  await furnish(client, pool, names, machines)
  await client.logout()
}

/** Plug-ins that cannot be run, beside those that the recordings carry along. */
function installTools(root: string, tools: ReadonlyMap<string, string>): void {
  const shell = shellIn(tools)
  const all = new Map<string, readonly [source: string, mode: number]>([
    ...[...tools].map(([path, source]) => [path, [source, 0o755]] as const),
    ['plugins/g_noexec', [shell, 0o644]],
    ['plugins/g_badinterp', ['#!/no/such/interpreter\n', 0o755]],
    ['plugins/g_noshebang', ['echo hello\n', 0o755]],
    ['plugins/g_badbinary', ['\u007fELFnot really', 0o755]],
  ])
  for (const [path, [source, mode]] of all) install(root, path, source, mode)
  mkdirSync(join(root, 'etc/xapi.d/plugins/g_dir'), { recursive: true })
}

const shellIn = (tools: ReadonlyMap<string, string>): string => tools.get('plugins/g_shell') ?? '#!/bin/sh\n'

function install(root: string, path: string, source: string, mode: number): void {
  const file = join(root, 'etc/xapi.d', path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, source)
  chmodSync(file, mode)
}

/** What was put on the hosts between two parts of a conversation: a plug-in whose name has spaces. */
export function dressFor(recording: Recording, pool: LoopbackPool, tools: ReadonlyMap<string, string>): void {
  if (!carriedTools(recording).has('plugins/g_sess')) return
  for (const { root } of pool.hosts) install(root, 'plugins/g name with space', shellIn(tools), 0o755)
}

async function furnish(client: XeClient, pool: LoopbackPool, names: Placeholders, machines: readonly string[]): Promise<void> {
  const bind = async (name: string, cls: string, ref: Value): Promise<void> => {
    names.bind(name, text(ref))
    names.bind(`${name}.uuid`, text(await client.call(`${cls}.get_uuid`, ref)))
  }
  const hosts = await Promise.all(pool.hosts.map(({ description }) => client.call('host.get_by_uuid', description.uuid)))
  for (const [index, host] of hosts.entries()) {
    await bind(`$host${index + 1}`, 'host', host)
    names.bind(`$address${index + 1}`, pool.hosts[index]?.address ?? '')
    await bind(`$dom0_${index + 1}`, 'VM', await client.call('host.get_control_domain', host))
    await until('a host does not report', () => client.call('host.get_enabled', host))
  }
  const [poolRef] = texts(await client.call('pool.get_all'))
  await bind('$pool', 'pool', poolRef ?? NULL_REF)
  const [network] = texts(await client.call('network.get_all'))
  const sr = await client.call(
    'SR.create',
    hosts[0] ?? '',
    { location: '/srv/shared' },
    0,
    'shared',
    '',
    'file',
    'user',
    true,
    {},
  )
  await bind('$SR_shared', 'SR', sr)
  await bind('$network_Pool_wide_network_0', 'network', network ?? NULL_REF)
  const [admin] = texts(await client.call('role.get_by_name_label', 'pool-admin'))
  await bind('$role_pool_admin', 'role', admin ?? NULL_REF)
  for (const pbd of texts(await client.call('SR.get_PBDs', sr))) {
    // A host that is still coming up may have missed the creation.
    if (!flag(await client.call('PBD.get_currently_attached', pbd))) await client.call('PBD.plug', pbd)
  }
  for (const name of machines) {
    const parts = await machine(client, name, sr, network ?? NULL_REF)
    for (const [suffix, cls, ref] of parts) await bind(`$${name}${suffix}`, cls, ref)
  }
}

async function until(otherwise: string, isSo: () => Promise<Value>): Promise<void> {
  const end = Date.now() + READY_MS
  while (!flag(await isSo())) {
    if (Date.now() > end) throw new Error(otherwise)
    await delay(20)
  }
}

type Part = readonly [suffix: string, cls: string, ref: Value]
const MEMORY = 256 * 1024 * 1024

async function machine(client: XeClient, name: string, sr: Value, network: string): Promise<Part[]> {
  const vm = await client.call('VM.create', {
    ...{ name_label: name, name_description: '', user_version: 1, is_a_template: false, affinity: NULL_REF, PCI_bus: '' },
    ...{ memory_static_max: MEMORY, memory_dynamic_max: MEMORY, memory_dynamic_min: MEMORY, memory_static_min: MEMORY / 16 },
    ...{ VCPUs_params: {}, VCPUs_max: 1, VCPUs_at_startup: 1, recommendations: '', other_config: { a: 'b' }, platform: {} },
    ...{ actions_after_shutdown: 'destroy', actions_after_reboot: 'restart', actions_after_crash: 'restart' },
    ...{ PV_bootloader: '', PV_kernel: '', PV_ramdisk: '', PV_args: '', PV_bootloader_args: '', PV_legacy_args: '' },
    ...{ HVM_boot_policy: 'BIOS order', HVM_boot_params: { order: 'cdn' } },
  })
  const vdi = await client.call('VDI.create', {
    ...{ name_label: `${name}-disk`, name_description: '', SR: sr, virtual_size: 1024 * 1024, type: 'user', sharable: false },
    ...{ read_only: false, other_config: {}, sm_config: {}, xenstore_data: {}, tags: [] },
  })
  const qos = { other_config: {}, qos_algorithm_type: '', qos_algorithm_params: {} }
  const disk = { VM: vm, userdevice: '0', bootable: true, mode: 'RW', type: 'Disk', unpluggable: true, empty: false, ...qos }
  const vbd = await client.call('VBD.create', { ...disk, VDI: vdi })
  const cd = await client.call('VBD.create', {
    ...disk,
    userdevice: '3',
    type: 'CD',
    mode: 'RO',
    bootable: false,
    empty: true,
    VDI: NULL_REF,
  })
  const vif = await client.call('VIF.create', { device: '0', network, VM: vm, MAC: '', MTU: 1500, ...qos })
  return [
    ['', 'VM', vm],
    ['_vdi', 'VDI', vdi],
    ['_vbd', 'VBD', vbd],
    ['_cd', 'VBD', cd],
    ['_vif', 'VIF', vif],
  ]
}

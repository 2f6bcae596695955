/** The pool that the recordings were made on: three hosts, a shared repository, three halted machines, some odd plug-ins. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Value } from '../../contract'
import { NULL_REF } from '../../contract'
import { flag, text, texts } from '../../values'
import { XeClient } from '../../xe/client'
import { LoopbackPool, SHORT_TIMES } from './loopback-pool'
import type { Placeholders } from './placeholders'
import type { Recording } from './recording'
import { carriedTools } from './recording'

const PASSWORD = 'xenroot'
const READY_MS = 30_000

export async function setScene(
  names: Placeholders,
  recording: Recording,
  tools: ReadonlyMap<string, string>,
): Promise<LoopbackPool> {
  const pool = await LoopbackPool.make(['host1', 'host2', 'host3'], PASSWORD, SHORT_TIMES)
  mkdirSync(join(pool.folder, 'shared'))
  for (const host of pool.hosts) {
    mkdirSync(join(host.root, 'srv'), { recursive: true })
    symlinkSync(join(pool.folder, 'shared'), join(host.root, 'srv/shared'))
    installTools(host.root, tools, carriedTools(recording).has('plugins/g_sess'))
    await pool.powerOn(host)
  }
  const [head] = pool.hosts
  if (head === undefined) throw new Error('a pool without hosts')
  const client = new XeClient({ socketPath: head.socketPath })
  await client.login('root', '')
  await furnish(client, pool, names, recording.hasMachines)
  await client.logout()
  return pool
}

/** Plug-ins that cannot be run, beside those that the recordings carry along. */
function installTools(root: string, tools: ReadonlyMap<string, string>, hasSpacedName: boolean): void {
  const shell = tools.get('plugins/g_shell') ?? '#!/bin/sh\n'
  const all = new Map<string, readonly [source: string, mode: number]>([
    ...[...tools].map(([path, source]) => [path, [source, 0o755]] as const),
    ['plugins/g_noexec', [shell, 0o644]],
    ['plugins/g_badinterp', ['#!/no/such/interpreter\n', 0o755]],
    ['plugins/g_noshebang', ['echo hello\n', 0o755]],
    ['plugins/g_badbinary', ['\u007fELFnot really', 0o755]],
    ...(hasSpacedName ? [['plugins/g name with space', [shell, 0o755]] as const] : []),
  ])
  for (const [path, [source, mode]] of all) {
    const file = join(root, 'etc/xapi.d', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, source)
    chmodSync(file, mode)
  }
  mkdirSync(join(root, 'etc/xapi.d/plugins/g_dir'), { recursive: true })
}

async function furnish(client: XeClient, pool: LoopbackPool, names: Placeholders, hasMachines: boolean): Promise<void> {
  const bind = async (name: string, cls: string, ref: Value): Promise<void> => {
    names.bind(name, text(ref))
    names.bind(`${name}.uuid`, text(await client.call(`${cls}.get_uuid`, ref)))
  }
  const hosts = await Promise.all(pool.hosts.map(({ description }) => client.call('host.get_by_uuid', description.uuid)))
  for (const [index, host] of hosts.entries()) {
    await bind(`$host${index + 1}`, 'host', host)
    names.bind(`$address${index + 1}`, pool.hosts[index]?.address ?? '')
    await bind(`$dom0_${index + 1}`, 'VM', await client.call('host.get_control_domain', host))
    await enabled(client, host)
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
  for (const name of hasMachines ? ['vm0', 'vm1', 'vm2'] : []) {
    const parts = await machine(client, name, sr, network ?? NULL_REF)
    for (const [suffix, cls, ref] of parts) await bind(`$${name}${suffix}`, cls, ref)
  }
}

async function enabled(client: XeClient, host: Value): Promise<void> {
  const end = Date.now() + READY_MS
  while (!flag(await client.call('host.get_enabled', host))) {
    if (Date.now() > end) throw new Error('a host does not report')
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
  const vif = await client.call('VIF.create', { device: '0', network, VM: vm, MAC: '', MTU: 1500, ...qos })
  return [
    ['', 'VM', vm],
    ['_vdi', 'VDI', vdi],
    ['_vbd', 'VBD', vbd],
    ['_vif', 'VIF', vif],
  ]
}

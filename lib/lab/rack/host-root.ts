/** A host's own root directory: what it owns is made here once; the machine's /usr and devices are bound in at each boot. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { HostDescription, PoolDescription } from '../contract'
import type { HostPaths } from './paths'
import { BMC_PASSWORD, BMC_PASSWORD_FILE } from './bmc-switch'
import { holdfastConfig } from './pool'
import type { LabSettings } from './settings'

const OWN = [
  'etc/systemd/system',
  'etc/xapi.d/plugins',
  'etc/xensource',
  'etc/holdfast',
  'var/lib/xcp',
  'var/log',
  'root',
  'opt/lab/bin',
  'srv',
]
const MOUNT_POINTS = ['usr', 'dev', 'proc', 'sys', 'opt/lab/guest']
/** Of the machine's /etc: what programs and libraries need to start. */
const COPIED = [
  'passwd group nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d alternatives localtime services protocols',
  'host.conf mke2fs.conf debian_version os-release ssl/openssl.cnf',
]

/** Made once per lab. The coordinator is the pool's first host. */
export function makeRoot(paths: HostPaths, host: HostDescription, pool: PoolDescription, ptoken: string): void {
  for (const folder of [paths.log, join(paths.disk, 'holdfast')]) mkdirSync(folder, { recursive: true })
  for (const folder of [...OWN, ...MOUNT_POINTS]) mkdirSync(join(paths.root, folder), { recursive: true })
  for (const name of COPIED.join(' ').split(' ')) {
    const source = join('/etc', name)
    if (!existsSync(source)) continue
    mkdirSync(dirname(join(paths.root, source)), { recursive: true })
    const isLink = name === 'localtime' || name === 'os-release'
    cpSync(source, join(paths.root, source), {
      recursive: true,
      ...(isLink ? { dereference: true } : { verbatimSymlinks: true }),
    })
  }
  for (const [link, target] of [
    ['var/run', '../run'],
    ['var/lock', '../run/lock'],
  ] as const) {
    symlinkSync(target, join(paths.root, link))
  }
  const write = writer(paths)
  const [coordinator] = pool.hosts
  write('hostname', `${host.name}\n`)
  write('hosts', ['127.0.0.1 localhost', ...pool.hosts.map(({ address, name }) => `${address} ${name}`), ''].join('\n'))
  write('xensource-inventory', inventory(host))
  write('xensource/pool.conf', host === coordinator ? 'master' : `slave:${coordinator?.address ?? ''}`)
  write('xensource/ptoken', ptoken, 0o600)
  write('xensource/lab-pool.json', `${JSON.stringify(pool, null, 2)}\n`, 0o600)
}

const writer =
  ({ root }: HostPaths) =>
  (name: string, text: string, mode = 0o644): void =>
    writeFileSync(join(root, 'etc', name), text, { mode })

/** What an operator's set-up leaves on a host. */
export function writeSettings(paths: HostPaths, settings: LabSettings, key: string): void {
  const write = writer(paths)
  write('holdfast/config.json', `${JSON.stringify(holdfastConfig(settings), null, 2)}\n`)
  write('holdfast/pool.key', `${key}\n`, 0o600)
  if (settings.bmc) writeFileSync(join(paths.root, BMC_PASSWORD_FILE), `${BMC_PASSWORD}\n`, { mode: 0o600 })
}

function inventory(host: HostDescription): string {
  const entries = {
    PRODUCT_BRAND: 'Holdfast lab',
    INSTALLATION_UUID: host.uuid,
    CONTROL_DOMAIN_UUID: randomUUID(),
    MANAGEMENT_INTERFACE: host.nics[0]?.bridge ?? '',
    MANAGEMENT_ADDRESS_TYPE: 'IPv4',
  }
  return Object.entries(entries)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('')
}

/** Of the host, by the names under which the product calls them. */
const PROGRAMS = [
  ['xl', 'xl.js'],
  ['holdfast-standby', 'standby.js'],
] as const

/** Made anew at each boot, as a real machine does: empty /run and /tmp, and the lab's own programs. */
export function refreshRoot(paths: HostPaths, labBin: string): void {
  for (const folder of ['run', 'tmp']) {
    rmSync(join(paths.root, folder), { recursive: true, force: true })
    mkdirSync(join(paths.root, folder))
  }
  chmodSync(join(paths.root, 'tmp'), 0o1777)
  mkdirSync(join(paths.root, 'run/lock'))
  for (const name of readdirSync(labBin)) {
    const [source, target] = [join(labBin, name), join(paths.root, 'opt/lab', name)]
    if (!statSync(source).isFile()) continue
    copyFileSync(source, target)
  }
  for (const [name, script] of PROGRAMS) {
    if (!existsSync(join(labBin, script))) continue
    const shim = join(paths.root, 'usr/local/sbin', name)
    mkdirSync(dirname(shim), { recursive: true })
    writeFileSync(shim, `#!/bin/sh\nexec /opt/lab/bin/node /opt/lab/${script} "$@"\n`, { mode: 0o755 })
  }
}

/** What a lab needs of the machine, looked at before anything is made, with the Debian package to install. */
import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { isErrno } from './process'

const TOOLS: readonly (readonly [tool: string, debianPackage: string])[] = [
  ['unshare', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['mount', 'mount'],
  ['umount', 'mount'],
  ['pivot_root', 'util-linux'],
  ['hostname', 'hostname'],
  ['ip', 'iproute2'],
  ['sh', 'dash'],
]
const BMC_TOOLS = [
  ['ipmi_sim', 'openipmi'],
  ['ipmitool', 'ipmitool'],
] as const
export const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** @returns one sentence per obstacle; empty when a lab can be built */
export function obstacles(asRoot: boolean, bmc: boolean): string[] {
  const needed = bmc ? [...TOOLS, ...BMC_TOOLS] : TOOLS
  const missing = needed.filter(([tool]) => !SEARCH_PATH.split(':').some((folder) => existsSync(join(folder, tool))))
  const tools = missing.map(([tool, name]) => `"${tool}" is missing; as root: apt-get install ${name}`)
  return [
    ...tools,
    ...device('/dev/fuse', 'fuse'),
    ...device('/dev/net/tun', 'tun'),
    ...(missing.length > 0 || asRoot ? [] : userNamespace()),
  ]
}

function device(path: string, module: string): string[] {
  try {
    accessSync(path, constants.F_OK)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [`${path} is missing; as root: modprobe ${module}`]
    throw error
  }
  try {
    closeSync(openSync(path, 'r+'))
    return []
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM')) return [`${path} cannot be opened by this user; as root: chmod 0666 ${path}`]
    // Opening /dev/net/tun or /dev/fuse without their module answers ENODEV or ENXIO.
    if (isErrno(error, 'ENODEV', 'ENXIO')) return [`${path} has no driver; as root: modprobe ${module}`]
    throw error
  }
}

function userNamespace(): string[] {
  const trial = spawnSync('unshare', ['--user', '--map-root-user', '--net', '--mount', '--pid', '--fork', 'true'], {
    env: { PATH: SEARCH_PATH },
    encoding: 'utf8',
  })
  return trial.status === 0
    ? []
    : [
        `this kernel gives an ordinary user no namespaces (${trial.stderr.trim()}); run as root, or: sysctl kernel.unprivileged_userns_clone=1`,
      ]
}

/**
 * The shell lines that turn a host's root directory into its `/`, run by the host's init in its own mount namespace.
 * The machine's /usr is bound entry by entry, because a few folders below it are the host's own.
 */
import { lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from './process'

/** Below /usr: the host's own, writable, filled by the product's installer and the lab. */
const OWN_BELOW_USR = ['libexec/xapi-storage-script', 'local/sbin']

export interface MountOptions {
  readonly root: string
  readonly node: string
  readonly guest: string | null
  /** An ordinary user's namespace cannot change the flags of the machine's mounts, and cannot write to them either. */
  readonly readOnlyBinds: boolean
}

export function mountLines({ root, node, guest, readOnlyBinds }: MountOptions): string[] {
  const bind = (source: string, target: string): string[] => [
    `mount -n --rbind ${source} ${target}`,
    ...(readOnlyBinds ? [`mount -n -o remount,bind,ro ${target}`] : []),
  ]
  mountPoint(join(root, 'opt/lab/bin/node'), false)
  return [
    `mount -n --bind ${root} ${root}`,
    `cd ${root}`,
    ...topLevelLinks(root).flatMap((name) => bind(`/${name}`, name)),
    ...usrEntries(root, '').flatMap((entry) => bind(`/usr/${entry}`, `usr/${entry}`)),
    ...bind(node, 'opt/lab/bin/node'),
    ...(guest === null ? [] : bind(guest, 'opt/lab/guest')),
    'mount -n --rbind /dev dev',
    'mount -n -t tmpfs -o mode=1777 tmpfs dev/shm',
    'mount -n -t proc proc proc',
    'mount -n -t sysfs sysfs sys 2>/dev/null || mount -n --rbind /sys sys',
    'pivot_root . .',
    'umount -l .',
    'cd /',
  ]
}

/** /bin, /lib ... are links into /usr on a merged system, else folders to bind. */
function topLevelLinks(root: string): string[] {
  return readdirSync('/').filter((name) => {
    if (!/^(?:bin|sbin|lib\w*)$/.test(name)) return false
    if (!lstatSync(join('/', name)).isSymbolicLink()) return mountPoint(join(root, name), true)
    relink(readlinkSync(join('/', name)), join(root, name))
    return false
  })
}

/** Makes the mount points and links below the host's usr/. @returns the entries to bind, relative to /usr */
function usrEntries(root: string, folder: string): string[] {
  return readdirSync(join('/usr', folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    const own = join(root, 'usr', path)
    if (OWN_BELOW_USR.includes(path)) return []
    if (OWN_BELOW_USR.some((other) => other.startsWith(`${path}/`))) {
      mkdirSync(own, { recursive: true })
      for (const other of OWN_BELOW_USR) mkdirSync(join(root, 'usr', other), { recursive: true })
      return usrEntries(root, path)
    }
    if (entry.isSymbolicLink()) relink(readlinkSync(join('/usr', path)), own)
    else if (entry.isDirectory() || entry.isFile()) mountPoint(own, entry.isDirectory())
    return entry.isDirectory() || entry.isFile() ? [path] : []
  })
}

function mountPoint(path: string, isDirectory: boolean): true {
  if (isDirectory) mkdirSync(path, { recursive: true })
  else writeFileSync(path, '', { flag: 'a' })
  return true
}

function relink(target: string, path: string): void {
  try {
    symlinkSync(target, path)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
    rmSync(path)
    symlinkSync(target, path)
  }
}

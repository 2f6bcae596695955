import { readFile, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from '../command'
import type { Member } from './cpio'
import { APPLETS, LIBRARY_DIRECTORIES, LOADER, MODULES, PROGRAMS } from './recipe'
import { SCRIPTS } from './scripts'

const FOLDERS = [
  'bin',
  'data',
  'dev',
  'etc',
  'etc/acpi',
  'etc/acpi/PWRF',
  'lib',
  'lib/modules',
  'lib64',
  'proc',
  'root',
  'run',
  'sys',
  'tmp',
]
const LIBRARIES = 'lib/x86_64-linux-gnu'

/** Everything in the guest's first file system, taken from the unpacked packages. */
export async function guestTree(unpacked: string): Promise<Member[]> {
  const files = new Map<string, string>([
    ['bin/busybox', join(unpacked, 'bin/busybox')],
    [LOADER, join(unpacked, LOADER)],
    ['etc/mke2fs.conf', join(unpacked, 'etc/mke2fs.conf')],
  ])
  for (const [inside, from] of Object.entries(PROGRAMS)) files.set(inside, join(unpacked, from))
  for (const library of await librariesOf(unpacked)) files.set(`${LIBRARIES}/${basename(library)}`, library)
  for (const [name, path] of await modulesOf(unpacked)) files.set(`lib/modules/${name}.ko`, path)

  const members: Member[] = [...FOLDERS, LIBRARIES].map((path) => directory(`${path}/`))
  for (const [inside, path] of files) {
    members.push({ path: inside, kind: 'file', mode: 0o755, content: await readFile(path) })
  }
  for (const [inside, script] of Object.entries(SCRIPTS)) {
    members.push({ path: inside, kind: 'file', mode: script.mode, content: Buffer.from(script.text) })
  }
  return [...members, ...APPLETS.map((applet) => symlink(`bin/${applet}`, 'busybox')), symlink('init', 'bin/busybox')]
}

/** The unpacked loader itself says which libraries the programs need: nothing of this machine's own can slip in unseen. */
async function librariesOf(unpacked: string): Promise<string[]> {
  const path = LIBRARY_DIRECTORIES.map((folder) => join(unpacked, folder)).join(':')
  const found = new Set<string>()
  for (const program of Object.values(PROGRAMS)) {
    const listing = await run([join(unpacked, LOADER), '--library-path', path, '--list', join(unpacked, program)])
    for (const [, name, target] of listing.matchAll(/^\s*(\S+) => (\S+) \(/gm)) {
      if (target === undefined || name === undefined || name.includes('ld-linux')) continue
      if (!target.startsWith(unpacked)) throw new Error(`the guest's ${program} needs ${name}, which is in none of its packages`)
      found.add(target)
    }
  }
  return [...found].sort()
}

async function modulesOf(unpacked: string): Promise<[string, string][]> {
  const top = join(unpacked, 'lib/modules')
  const paths = await readdir(top, { recursive: true })
  return MODULES.map((name) => {
    const path = paths.find((candidate) => basename(candidate) === `${name}.ko`)
    if (path === undefined) throw new Error(`the kernel package has no module ${name}`)
    return [name, join(top, path)]
  })
}

const directory = (path: string): Member => ({ path, kind: 'directory', mode: 0o755, content: Buffer.alloc(0) })
const symlink = (path: string, target: string): Member => ({ path, kind: 'symlink', mode: 0o777, content: Buffer.from(target) })

import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailed, run } from '../command'
import { KERNEL_META_PACKAGE, PACKAGES } from './recipe'

/** Downloads and unpacks what the guest is made of; works without root. Returns the folder it was unpacked into. */
export async function unpackPackages(work: string): Promise<string> {
  const archives = join(work, 'archives')
  const unpacked = join(work, 'unpacked')
  await mkdir(archives, { recursive: true })
  await mkdir(unpacked, { recursive: true })
  try {
    await download(archives, [])
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    // The machine's package lists are missing or older than the archive: read fresh ones into a place of our own.
    await downloadWithFreshLists(work, archives)
  }
  for (const name of (await readdir(archives)).filter((file) => file.endsWith('.deb'))) {
    await run(['dpkg-deb', '-x', join(archives, name), unpacked])
  }
  return unpacked
}

async function downloadWithFreshLists(work: string, archives: string): Promise<void> {
  try {
    await download(archives, await freshLists(work))
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    throw new Error(`the guest is made from Debian packages, and apt-get cannot download them here: ${error.message}`, {
      cause: error,
    })
  }
}

async function download(archives: string, options: readonly string[]): Promise<void> {
  const depends = await run(['apt-cache', ...options, 'depends', KERNEL_META_PACKAGE])
  const kernel = /Depends: (linux-image-\d\S+)/.exec(depends)?.[1]
  if (kernel === undefined) throw new CommandFailed(['apt-cache', 'depends', KERNEL_META_PACKAGE], 'names no kernel package')
  const sandbox = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []
  await run(['apt-get', ...options, ...sandbox, 'download', '-q', kernel, ...PACKAGES], { cwd: archives, timeoutMs: 300_000 })
}

async function freshLists(work: string): Promise<string[]> {
  const lists = join(work, 'lists')
  const cache = join(work, 'cache')
  await mkdir(join(lists, 'partial'), { recursive: true })
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true })
  const options = ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${cache}`]
  const sandbox = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []
  await run(['apt-get', ...options, ...sandbox, 'update', '-q'], { timeoutMs: 300_000 })
  return options
}

import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { hasCode } from '../machine/has-code'
import { cpio } from './cpio'
import { unpackPackages } from './packages'
import * as recipe from './recipe'
import { SCRIPTS } from './scripts'
import { guestTree } from './tree'

/** The kernel and first file system of the lab's guests, made once from Debian packages and kept. */
export interface GuestImage {
  readonly directory: string
  readonly kernel: string
  readonly ramdisk: string
}

/** Where the rack shows the image inside every host. */
export const GUEST_IMAGE_IN_HOST: GuestImage = {
  directory: '/opt/lab/guest',
  kernel: '/opt/lab/guest/vmlinuz',
  ramdisk: '/opt/lab/guest/initrd.gz',
}

/** Raised when the recipe's output changes though its lists did not. */
const FORMAT = 1

/** `$XDG_CACHE_HOME/holdfast`, by default `~/.cache/holdfast`. */
export function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME']
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'holdfast')
}

/** Builds the image unless this recipe's was built before (10 s with the packages at hand); several may ask at once. */
export async function ensureGuestImage(cache = cacheDirectory()): Promise<GuestImage> {
  const key = createHash('sha256')
    .update(JSON.stringify([FORMAT, recipe, SCRIPTS]))
    .digest('hex')
    .slice(0, 12)
  const directory = join(cache, `guest-${key}`)
  const image = { directory, kernel: join(directory, 'vmlinuz'), ramdisk: join(directory, 'initrd.gz') }
  if (await exists(image.ramdisk)) return image
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'making-'))
  try {
    await build(work)
    await rename(join(work, 'image'), directory)
  } catch (error) {
    if (!(await exists(image.ramdisk))) throw error
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return image
}

async function build(work: string): Promise<void> {
  const unpacked = await unpackPackages(work)
  const out = join(work, 'image')
  await mkdir(out)
  const kernel = (await readdir(join(unpacked, 'boot'))).find((name) => name.startsWith('vmlinuz-'))
  if (kernel === undefined) throw new Error('the kernel package has no vmlinuz')
  await copyFile(join(unpacked, 'boot', kernel), join(out, 'vmlinuz'))
  await writeFile(join(out, 'initrd.gz'), await promisify(gzip)(cpio(await guestTree(unpacked)), { level: 6 }))
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

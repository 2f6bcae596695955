import { execFile } from 'node:child_process'
import { copyFile, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Refusal } from '../../core/domain/errors'
import type { KeepAside, PutAway } from '../../ports/split-ports'
import type { Aside } from '../../wire/split'
import type { WorkerVolume } from '../../wire/worker-api'
import { codeOf, textOf } from '../system/system-error'
import { withItsParent } from '../process/with-its-parent'

const BLOCK_OF_STAT_BYTES = 512
/** Left to whatever else writes to the file system meanwhile. */
const SPARE_BYTES = 256 * 1024 * 1024
const METADATA = ['.meta.json', '.meta.2.json', '.hot', '.hot.2', '.map', '.map.2']

const run = promisify(execFile)

/** Clones the image where the file system can, and copies it, with its holes, where it cannot. */
export const keepAside: KeepAside = async (volume, name) => {
  const image = imageOf(volume)
  const folder = folderOf(image, name)
  const usedBytes = (await stat(image)).blocks * BLOCK_OF_STAT_BYTES
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { mode: 0o700 })
  const copy = new Copy(image, volume.metadata ?? image, folder, usedBytes)
  if (!(await copy.clone())) {
    const { bavail, bsize } = await statfs(folder)
    if (bavail * bsize < usedBytes + SPARE_BYTES) {
      await rm(folder, { recursive: true })
      throw refused(volume, `A copy of ${image} needs ${usedBytes} bytes, and ${bavail * bsize} are free.`)
    }
    copy.begin()
  }
  return copy
}

/** The head goes first: an image without one is no replica, whatever is left of it after a crash. */
export const putAway: PutAway = async (volume, name) => {
  const image = imageOf(volume)
  const base = volume.metadata ?? image
  const folder = name === null ? '' : folderOf(image, name)
  if (name !== null) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { mode: 0o700 })
  }
  for (const path of [...METADATA.map((end) => base + end), image]) {
    if (name === null) await rm(path, { force: true })
    else await renameIfThere(path, join(folder, basename(path)))
  }
  if (name !== null) await synced(folder)
  await synced(dirname(image))
  return folder
}

/** Of folders beside a replica. */
export const KEPT_PREFIX = 'kept-'

const folderOf = (image: string, name: string): string => join(dirname(image), `${KEPT_PREFIX}${name}`)

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

function imageOf({ source, path, key }: WorkerVolume): string {
  if (source === undefined) return path
  if (source.kind === 'file') return source.path
  throw refused({ key }, 'Only an image in a file is copied, and this replica is in none.')
}

const refused = ({ key }: Pick<WorkerVolume, 'key'>, reason: string): Refusal =>
  new Refusal('HOLDFAST_SPLIT_REFUSED', {
    what: `volume ${key}`,
    reason,
    todo: 'Copy it elsewhere (holdfast split VM --export HOST), then repeat with --discard.',
  })

class Copy {
  private state: Aside['state'] = 'copying'
  private why = ''
  private doneBytes = 0
  private readonly target: string
  private readonly unfinished: string

  constructor(
    private readonly image: string,
    private readonly metadata: string,
    private readonly folder: string,
    private readonly usedBytes: number,
  ) {
    this.target = join(folder, basename(image))
    this.unfinished = `${this.target}.new`
  }

  report(): Aside {
    if (this.state === 'copying') void this.look()
    const { state, why, folder, doneBytes, usedBytes } = this
    return { state, why, folder, doneBytes: state === 'done' ? usedBytes : doneBytes, totalBytes: usedBytes }
  }

  /** False where the file system cannot share blocks. */
  async clone(): Promise<boolean> {
    try {
      await this.copied('--reflink=always')
    } catch (error) {
      if (codeOf(error) !== '' || !textOf(error).includes('failed to clone')) throw error
      return false
    }
    await this.finish()
    return true
  }

  begin(): void {
    this.copied('--sparse=always')
      .then(() => this.finish())
      .catch((error: unknown) => {
        this.why = textOf(error).slice(0, 300)
        this.state = 'failed'
      })
  }

  /** The guest of another VM may need the disk more. */
  private async copied(how: string): Promise<void> {
    const [program = '', ...argv] = withItsParent(['nice', 'ionice', '-c', '3', 'cp', how, this.image, this.unfinished])
    await run(program, argv, { env: { ...process.env, LC_ALL: 'C' } })
  }

  /** Under its own name once it is whole and on stable storage. */
  private async finish(): Promise<void> {
    const base = basename(this.metadata)
    for (const end of METADATA) await copyFile(this.metadata + end, join(this.folder, base + end))
    await synced(this.unfinished)
    await rename(this.unfinished, this.target)
    await synced(this.folder)
    this.state = 'done'
  }

  private async look(): Promise<void> {
    try {
      this.doneBytes = (await stat(this.unfinished)).blocks * BLOCK_OF_STAT_BYTES
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}

async function synced(path: string): Promise<void> {
  const file = await open(path)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

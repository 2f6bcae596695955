/**
 * Which disks of this host are open for which domain. Kept in a file that a power cut wipes, so that a restarted xapi can close what
 * its predecessor opened.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from '../error-code'
import { fromJson, list, record, text } from '../values'

export interface OpenDiskRecord {
  readonly domain: string
  readonly type: string
  readonly sr: string
  readonly key: string
  readonly datapath: string
}

export class OpenDisks {
  private disks: OpenDiskRecord[] = []
  private saving: Promise<void> = Promise.resolve()
  private constructor(private readonly path: string) {}

  static async load(root: string): Promise<OpenDisks> {
    const disks = new OpenDisks(join(root, 'run/nonpersistent/xapi-storage-script/open-disks.json'))
    await disks.read()
    return disks
  }

  of(domain: string): readonly OpenDiskRecord[] {
    return this.disks.filter((disk) => disk.domain === domain)
  }

  all(): readonly OpenDiskRecord[] {
    return [...this.disks]
  }

  find(domain: string, sr: string, key: string): OpenDiskRecord | undefined {
    return this.disks.find((disk) => disk.domain === domain && disk.sr === sr && disk.key === key)
  }

  async add(disk: OpenDiskRecord): Promise<void> {
    this.disks.push(disk)
    await this.save()
  }

  async remove(disk: OpenDiskRecord): Promise<void> {
    this.disks = this.disks.filter((other) => other !== disk)
    await this.save()
  }

  private async read(): Promise<void> {
    try {
      this.disks = list(fromJson(JSON.parse(await readFile(this.path, 'utf8')))).map((saved) => {
        const disk = record(saved)
        const read = (field: keyof OpenDiskRecord): string => text(disk[field])
        return { domain: read('domain'), type: read('type'), sr: read('sr'), key: read('key'), datapath: read('datapath') }
      })
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }

  /** One write at a time; each writes what is true when its turn comes. */
  private save(): Promise<void> {
    this.saving = this.saving.then(async () => {
      await mkdir(dirname(this.path), { recursive: true })
      await writeFile(`${this.path}.new`, JSON.stringify(this.disks))
      await rename(`${this.path}.new`, this.path)
    })
    return this.saving
  }
}

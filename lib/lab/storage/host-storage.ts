/** One host's storage: repositories attached here (forgotten when the process ends: PBDs are plugged again) and disks open here. */
import { ApiError } from '../contract'
import { type Config, type DiskSource, type StorageDriver } from './driver'
import { type Drivers, createDrivers } from './drivers'
import { OpenDisks, type OpenDiskRecord } from './open-disks'

interface Attached {
  readonly type: string
  /** The driver's name of the attached repository. */
  readonly sr: string
}

export interface DiskName {
  /** Uuid of the repository. */
  readonly sr: string
  readonly key: string
}

export class HostStorage {
  private readonly attached = new Map<string, Attached>()
  private constructor(
    readonly drivers: Drivers,
    private readonly open: OpenDisks,
  ) {}

  static async start(root: string): Promise<HostStorage> {
    return new HostStorage(createDrivers(root), await OpenDisks.load(root))
  }

  async attach(uuid: string, type: string, config: Config): Promise<void> {
    const driver = await this.drivers.driver(type)
    this.attached.set(uuid, { type, sr: await driver.attach(uuid, config) })
  }

  async detach(uuid: string): Promise<void> {
    const { driver, sr } = await this.repository(uuid)
    await driver.detach(sr)
    this.attached.delete(uuid)
  }

  async destroy(uuid: string): Promise<void> {
    const { driver, sr } = await this.repository(uuid)
    await driver.destroy(sr)
    this.attached.delete(uuid)
  }

  /** Uuids of the repositories attached here. */
  repositories(): readonly string[] {
    return [...this.attached.keys()]
  }

  async repository(uuid: string): Promise<{ driver: StorageDriver; sr: string; type: string }> {
    const known = this.attached.get(uuid)
    if (known === undefined) throw new ApiError('SR_NOT_ATTACHED', uuid)
    return { driver: await this.drivers.driver(known.type), ...known }
  }

  /** Opens a disk for a domain; if that fails nothing of it stays open. */
  async openDisk(domain: string, { sr: uuid, key }: DiskName): Promise<DiskSource> {
    const { driver, sr, type } = await this.repository(uuid)
    const { source, datapath } = await driver.openDisk(sr, key, domain)
    await this.open.add({ domain, type, sr: uuid, key, datapath })
    return source
  }

  /** Opens all of them or none. */
  async openDisks(domain: string, disks: readonly DiskName[]): Promise<DiskSource[]> {
    const sources: DiskSource[] = []
    try {
      for (const disk of disks) sources.push(await this.openDisk(domain, disk))
      return sources
    } catch (error) {
      await this.closeAll(domain)
      throw error
    }
  }

  /** Closing a disk that is not open is no error: the end of a domain and an unplug may meet. */
  async closeDisk(domain: string, { sr, key }: DiskName): Promise<void> {
    const disk = this.open.find(domain, sr, key)
    if (disk !== undefined) await this.close(disk)
  }

  /** Every disk is tried; the first failure is told. */
  async closeAll(domain: string): Promise<void> {
    const [failure] = await this.closeEach(this.open.of(domain))
    if (failure !== undefined) throw failure
  }

  /**
   * Closes what was left open for domains that are gone, dom0's copies of a former xapi among them. What cannot be closed is the
   * storage's matter: it must not keep the host from starting.
   */
  async closeLeftovers(living: ReadonlySet<string>): Promise<void> {
    await this.closeEach(this.open.all().filter((disk) => !living.has(disk.domain)))
  }

  private async closeEach(disks: readonly OpenDiskRecord[]): Promise<ApiError[]> {
    const failures: ApiError[] = []
    for (const disk of disks) {
      try {
        await this.close(disk)
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        failures.push(error)
      }
    }
    return failures
  }

  private async close(disk: OpenDiskRecord): Promise<void> {
    await this.open.remove(disk)
    const driver = await this.drivers.driver(disk.type)
    await driver.closeDisk(disk.datapath, disk.domain)
  }
}

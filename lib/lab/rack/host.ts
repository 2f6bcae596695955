/** One host of the lab: booted and powered off like a machine; its disk contents outlive both. */
import { join } from 'node:path'
import type { HostDescription } from '../contract'
import { linksOf, type Link, type LinkChoice } from '../faults/fault'
import { hostWires, type Wire } from '../net/plan'
import { carrierBatch } from '../net/script'
import { existsSync } from 'node:fs'
import { Gaps } from './gaps'
import { HostWatchdog } from './host-watchdog'
import { HostDisk } from './host-disk'
import { mountLines } from './host-mounts'
import { refreshRoot } from './host-root'
import { ipBatch } from './ip'
import type { HostPaths } from './paths'
import { Place } from './place'
import { HostProcesses } from './host-processes'
import { Service } from './service'
import type { LabSettings } from './settings'
import { readUnits, RESTART_MS, type ServiceSpec } from './units'

const XAPI: ServiceSpec = {
  name: 'xapi',
  argv: ['/opt/lab/bin/node', '/opt/lab/xapi.js'],
  environment: {},
  restart: 'always',
  restartMs: RESTART_MS,
}

export class Host {
  readonly disk: HostDisk
  readonly processes = new HostProcesses()
  readonly downLinks = new Set<Link>()
  readonly wires: readonly Wire[]
  readonly gaps = new Gaps()
  /** Before anything of the host runs, and after nothing does any more. */
  onPower: (power: 'on' | 'off') => void = () => undefined
  #place: Place | null = null
  #services: Service[] = []
  #watchdog: HostWatchdog | null = null
  /** Settles when the last power off is complete. */
  #ending: Promise<void> = Promise.resolve()

  constructor(
    readonly description: HostDescription,
    readonly paths: HostPaths,
    readonly settings: LabSettings,
    /** Its watchdog has run out: it is to be switched off and on, unless it is off by then. */
    private readonly expired: (host: Host, why: string) => void = () => undefined,
  ) {
    this.wires = hostWires(description.name, description.nics)
    this.disk = new HostDisk(paths, settings.labBin)
  }

  get place(): Place | null {
    return this.#place
  }

  get services(): readonly Service[] {
    return this.#services
  }

  /** Resolves when the host's processes are started; its xapi may need a moment more. */
  async boot(): Promise<void> {
    await this.#ending
    if (this.#place !== null) return
    const { labBin, guest, userNamespace } = this.settings
    this.onPower('on')
    refreshRoot(this.paths, labBin)
    const place = await Place.start({
      name: this.description.name,
      wires: this.wires,
      isDown: (wire) => this.downLinks.has(wire.link),
      mounts: mountLines({ root: this.paths.root, node: process.execPath, guest, readOnlyBinds: !userNamespace }),
      script: join(this.paths.dir, 'init.sh'),
      log: join(this.paths.log, 'boot.log'),
    })
    this.#place = place
    await this.#watch(place)
    await this.gaps.restore(place)
    // Somebody may kill a host's init from inside; that is a power failure like any other.
    void place.ended.then(() => (this.#place === place ? this.powerOff() : undefined))
    try {
      await this.disk.mount(place.init.machine)
    } catch (error) {
      await this.powerOff()
      throw error
    }
    const xapi = existsSync(join(labBin, 'xapi.js')) ? [XAPI] : []
    this.#services = [...xapi, ...readUnits(this.paths.root)].map(
      (spec) => new Service(spec, place, join(this.paths.log, `${spec.name}.log`)),
    )
    for (const service of this.#services) service.start()
  }

  async #watch(place: Place): Promise<void> {
    const { device, seconds } = this.settings.config.hostWatchdog ?? { device: null, seconds: 0 }
    if (device === null || seconds === 0) return
    this.#watchdog = await HostWatchdog.start(join(this.paths.root, device), seconds * 1000, (why) => {
      if (this.#place === place) this.expired(this, why)
    })
  }

  /** Resolves when nothing of the host runs any more. */
  powerOff(): Promise<void> {
    const place = this.#place
    this.#place = null
    if (place !== null) this.#ending = this.#end(place)
    return this.#ending
  }

  async #end(place: Place): Promise<void> {
    this.#watchdog?.stop()
    this.#watchdog = null
    const services = this.#services
    this.#services = []
    for (const service of services) service.abandon()
    await place.kill()
    // A place ends when all of it is reaped, which what stands still outside of it does not do.
    for (const service of services) service.wake()
    this.disk.kill()
    this.processes.forget()
    await place.ended
    await place.unplug()
    this.onPower('off')
  }

  /** Takes the links down or up on both ends; kept over power cycles. */
  async setLinks(choice: LinkChoice, state: 'up' | 'down'): Promise<void> {
    const links = linksOf(choice)
    for (const link of links) {
      if (state === 'down') this.downLinks.add(link)
      else this.downLinks.delete(link)
    }
    if (this.#place === null) return
    const wires = this.wires.filter((wire) => links.includes(wire.link))
    await ipBatch(carrierBatch(wires, state))
    await this.#place.run(wires.map((wire) => `ip link set ${wire.device} ${state}`).join(' && '))
  }
}

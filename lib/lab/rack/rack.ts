/** The process that holds a lab together: its death is the power failure of everything in it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes, randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BadRequest } from '../faults/fault'
import { BMC_WIRES, CLIENT_WIRES, WITNESS_WIRES, type WitnessName, WITNESSES, type Wire } from '../net/plan'
import { switchBatch } from '../net/script'
import type { LabStatus } from './control'
import { Bmc } from './bmc'
import type { Gaps } from './gaps'
import { Host } from './host'
import { makeRoot, writeSettings } from './host-root'
import { ipBatch } from './ip'
import type { LabPaths } from './paths'
import { Place } from './place'
import { processesOf } from './host-processes'
import type { LabSettings } from './settings'
import { WitnessHost } from './witness'

export interface CutEnd {
  readonly wires: readonly Wire[]
  readonly gaps: Gaps
  readonly place: Place | null
}

export class Rack {
  readonly hosts: readonly Host[]
  #doing = 'starting'
  #isReady = false
  #client: Place | null = null
  #witnesses: readonly WitnessHost[] = []
  #bmcs: ReadonlyMap<string, Bmc> = new Map()

  constructor(
    readonly paths: LabPaths,
    readonly settings: LabSettings,
    /** One change at a time: two at once could boot a host that is being powered off. */
    private readonly inTurn: (act: () => Promise<void>) => Promise<void> = (act) => act(),
  ) {
    this.hosts = settings.pool.hosts.map(
      (host) => new Host(host, paths.host(host.name), settings, (expired, why) => this.#reset(expired, why)),
    )
  }

  witness(name: WitnessName): WitnessHost {
    const found = this.#witnesses.find((witness) => witness.name === name)
    if (found === undefined) throw new BadRequest('this lab has one witness; make one with two: holdfast lab up --two-witnesses')
    return found
  }

  /** Where a cut ends: a host, or a witness. */
  end(name: string): CutEnd {
    const host = this.hosts.find(({ description }) => description.name === name)
    return host ?? this.witness(name === 'alternate' ? name : 'witness')
  }

  async start(): Promise<void> {
    this.#doing = 'laying the wires'
    await ipBatch(switchBatch())
    const outside = { isDown: () => false, mounts: ['mount -n -t proc proc /proc'], log: this.paths.log }
    const start = (name: string, wires: readonly Wire[]) =>
      Place.start({ ...outside, name, wires, script: join(this.paths.dir, `${name}.sh`) })
    this.#client = await start('client', CLIENT_WIRES)
    const key = randomBytes(32).toString('hex')
    writeFileSync(this.paths.key, `${key}\n`, { mode: 0o600 })
    for (const name of this.settings.alternate ? WITNESSES : WITNESSES.slice(0, 1)) {
      const witness = new WitnessHost(name, await start(name, WITNESS_WIRES[name]), this.settings, this.paths)
      this.#witnesses = [...this.#witnesses, witness]
      witness.service?.start()
    }
    const ptoken = randomUUID()
    for (const host of this.hosts) {
      this.#doing = `installing ${host.description.name}`
      makeRoot(host.paths, host.description, this.settings.pool, ptoken)
      if (!this.settings.isBare) writeSettings(host.paths, this.settings, key)
      await this.#install(host)
    }
    if (this.settings.bmc) await this.#startBmcs(start)
    this.#doing = 'booting the hosts'
    await Promise.all(this.hosts.map((host) => host.boot()))
    this.#isReady = true
  }

  async #startBmcs(start: (name: string, wires: readonly Wire[]) => Promise<Place>): Promise<void> {
    const place = await start('bmc', BMC_WIRES)
    this.#bmcs = new Map(
      this.hosts.map((host, index) => [host.description.name, new Bmc(host, place, join(host.paths.dir, 'bmc'), index)]),
    )
    for (const bmc of this.#bmcs.values()) bmc.start()
  }

  /** Undefined: a lab without power switches. */
  bmc(host: string): Bmc | undefined {
    return this.#bmcs.get(host)
  }

  #reset(host: Host, why: string): void {
    const { place } = host
    process.stderr.write(`${host.description.name} is reset: ${why}\n`)
    void this.inTurn(async () => {
      // Somebody else switched it off, and on again perhaps, before this one's turn.
      if (place === null || host.place !== place) return
      await host.powerOff()
      await host.boot()
    })
  }

  status(): LabStatus {
    return {
      phase: this.#isReady ? 'ready' : 'starting',
      doing: this.#doing,
      hosts: this.hosts.map((host) => ({
        name: host.description.name,
        uuid: host.description.uuid,
        address: host.description.address,
        power: host.place === null ? 'off' : 'on',
        initPid: host.place?.init.machine ?? null,
        xapiSocket: host.paths.xapiSocket,
        processes: host.place === null ? [] : processesOf(host.place),
        faults: {
          ...{ links: [...host.downLinks], disk: host.disk.rules, stopped: host.processes.stopped },
          unreached: host.gaps.addresses,
        },
      })),
      witnesses: this.#witnesses.map((witness) => witness.status()),
      client: { name: 'client', initPid: this.#client?.init.machine ?? null },
    }
  }

  /** Lays the product out under the host's root, as on a real host. */
  async #install({ paths }: Host): Promise<void> {
    if (this.settings.installer === null) return
    mkdirSync(paths.log, { recursive: true })
    const log = openSync(`${paths.log}/install.log`, 'a')
    const args = [this.settings.installer, '--root', paths.root, '--node', process.execPath]
    const child = spawn('bash', args, { stdio: ['ignore', log, log] })
    closeSync(log)
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) throw new Error(`installation ended with ${String(code)}; see ${paths.log}/install.log`)
  }
}

/** A whole pool inside one process: every host on a loopback address of its own, its root in a temporary folder. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostDescription, LabTimes, PoolDescription } from '../../contract'
import { XapiHost } from '../host/xapi-host'
import { writeHostFiles } from '../host/files'
import { storageMethods } from '../storage'
import { vmMethods } from '../vm'
import { createHostOperations } from '../vm/host-operations'
import { SimulatedDomains } from './simulated-domains'

export interface LoopbackHost {
  readonly name: string
  readonly description: HostDescription
  readonly address: string
  readonly root: string
  readonly socketPath: string
  readonly domains: SimulatedDomains
  readonly log: string[]
  /** Undefined while it is powered off. */
  xapi: XapiHost | undefined
}

/** Short enough for tests, in the real proportions. */
export const SHORT_TIMES: LabTimes = {
  deadHostCallMs: 1300,
  deadHostProbeMs: 200,
  promotionFuseMs: 300,
  promotionRestartMs: 100,
  recoverSlavesMs: 1000,
  databaseBackupMs: 300_000,
}

let made = 0

export class LoopbackPool {
  private constructor(
    readonly folder: string,
    readonly port: number,
    readonly description: PoolDescription,
    readonly hosts: readonly LoopbackHost[],
  ) {}

  /** `domainMs`: how long a step of a domain's life takes. */
  static async make(names: readonly string[], rootPassword: string, times: LabTimes, domainMs = 0): Promise<LoopbackPool> {
    const folder = mkdtempSync(join(tmpdir(), 'lab-pool-'))
    // Another net of loopback addresses per pool: pools of tests that run side by side do not meet.
    const net = `127.${1 + (process.pid % 250)}.${1 + (++made % 250)}`
    const addresses = names.map((_, index) => `${net}.${index + 1}`)
    const port = await freePort(addresses[0] ?? '127.0.0.1')
    const description: PoolDescription = {
      ...{ poolUuid: uuid('70', 0), poolName: 'lab', rootPassword, times },
      hosts: names.map((name, index) => describeHost(name, index, addresses[index] ?? '')),
    }
    const hosts = description.hosts.map((host): LoopbackHost => {
      const root = join(folder, host.name)
      writeHostFiles(root, description, host, 'pool-secret')
      const socketPath = join(root, 'var/lib/xcp/xapi')
      const parts = { name: host.name, description: host, address: host.address, root, socketPath }
      return { ...parts, domains: new SimulatedDomains(domainMs), log: [], xapi: undefined }
    })
    return new LoopbackPool(folder, port, description, hosts)
  }

  async powerOn(host: LoopbackHost): Promise<void> {
    host.xapi = new XapiHost({
      ...{ root: host.root, port: this.port, listen: host.address, socketPath: host.socketPath },
      methods: { ...vmMethods, ...storageMethods },
      hostPart: (parts) => createHostOperations({ ...parts, domains: host.domains }),
      log: (message) => host.log.push(message),
    })
    await host.xapi.start()
  }

  async powerOff(host: LoopbackHost): Promise<void> {
    const { xapi } = host
    host.xapi = undefined
    await xapi?.stop()
  }

  /** Nothing that ran on the host is there when it comes back. */
  async cutPower(host: LoopbackHost): Promise<void> {
    await this.powerOff(host)
    host.domains.clear()
  }

  async close(): Promise<void> {
    await Promise.all(this.hosts.map((host) => this.powerOff(host)))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const uuid = (kind: string, index: number): string => `${kind}000000-0000-4000-8000-${String(index).padStart(12, '0')}`

function describeHost(name: string, index: number, address: string): HostDescription {
  const mac = `02:00:00:00:00:${String(index).padStart(2, '0')}`
  return {
    ...{ uuid: uuid('40', index), name, address, memoryBytes: 64 * 1024 ** 3 },
    nics: [{ device: 'eth0', mac, address, netmask: '255.255.255.0', network: 'management', bridge: 'xenbr0' }],
  }
}

function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, address, () => {
      const bound = server.address()
      server.close(() => resolve(bound === null || typeof bound === 'string' ? 0 : bound.port))
    })
  })
}

import { randomBytes, randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LEASE_MS } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey, type HostUuid, type VolumeKey } from '../../../lib/core/domain/ids'
import { askSocket } from '../../../lib/dom0/daemon-client'
import { openReplica } from '../../../lib/dom0/open-replica'
import { codeOf } from '../../../lib/dom0/system-error'
import { connectWitness } from '../../../lib/dom0/witness-client'
import type { Log } from '../../../lib/ports/log'
import type { PeerAddress, WorkerApi, WorkerSpec } from '../../../lib/wire/worker-api'
import { Child } from '../child'
import { copyTemplate } from './places'
import type { BenchDisk, Subject, SubjectKind } from './subject'

const DOM0 = '0'
const ASK_LIMIT_MS = 20_000
/** As the daemon starts its workers. */
const IO_THREADS = '16'
const IMAGE = 'disk.raw'
/** The first copy of the whole disk to the secondary. */
const RESYNC_LIMIT_MS = 600_000
let sides = 0

/** Executables as they were built when the run began: a build meanwhile must not change what is measured. */
export interface Executables {
  readonly worker: string
  readonly witness: string
}

export function keepExecutables(built: string, folder: string): Executables {
  const kept = (name: string): string => {
    const to = join(folder, name)
    copyFileSync(join(built, 'dom0', name), to)
    return to
  }
  return { worker: kept('holdfast-worker'), witness: kept('holdfast-witness') }
}

/** Two workers and a witness, the link between the workers over loopback TCP. */
export const holdfast = (executables: Executables): SubjectKind => ({
  name: 'holdfast',
  text: 'Holdfast: two workers, the link over loopback TCP, and a witness',
  part: 'mirror',
  unable: ({ tls }) => (tls ? null : 'workers have no link without TLS'),
  start: (_setting, disk) => new Pair(executables, disk).start(),
})

interface Side {
  readonly name: 'primary' | 'secondary'
  readonly host: HostUuid
  readonly folder: string
  readonly image: string
  readonly address: PeerAddress
}

class Pair {
  readonly #vm = vmUuid(randomUUID())
  readonly #volume: VolumeKey = volumeKey(randomUUID())
  readonly #pool = randomUUID()
  readonly #key = randomBytes(32)
  readonly #children: Child[] = []

  constructor(
    private readonly executables: Executables,
    private readonly disk: BenchDisk,
  ) {}

  async start(): Promise<Subject> {
    try {
      return await this.#start()
    } catch (error) {
      await this.#stop()
      throw error
    }
  }

  async #start(): Promise<Subject> {
    writeFileSync(this.#keyFile, this.#key.toString('hex'), { mode: 0o600 })
    const witness = await this.#startWitness()
    const [primary, secondary] = [this.#side('primary'), this.#side('secondary')]
    await this.#makeFirst(primary, witness)
    const far = this.#startWorker(secondary, primary, witness)
    const near = this.#startWorker(primary, secondary, witness)
    await near.until('redundant', () => redundant(primary), RESYNC_LIMIT_MS)
    const { socket, exportName } = await ask(primary, 'attach', { volume: this.#volume, domain: DOM0 })
    await ask(primary, 'activate', { volume: this.#volume, domain: DOM0 })
    return {
      uri: `nbd+unix:///${exportName}?socket=${socket}`,
      processes: [near, far, ...this.#children.filter(({ name }) => name === 'witness')],
      copies: [primary.image, secondary.image],
      stop: () => this.#stop(),
    }
  }

  /** The template's bytes become the volume's: the only up-to-date replica, and the claim says so. */
  async #makeFirst({ host, folder, image }: Side, witness: string): Promise<void> {
    const replica = await openReplica({ key: this.#volume, sizeBytes: this.disk.sizeBytes, path: image }, true)
    await replica.save({ state: 'up-to-date' })
    await replica.close()
    await copyTemplate({ ...this.disk, folder }, IMAGE)
    const claims = connectWitness({ address: witness, pool: this.#pool, key: this.#key, log: SILENT, deadlineMs: ASK_LIMIT_MS })
    const stored = await claims.compareAndSwap(0, {
      ...{ vm: this.#vm, term: 1, holder: host, leaseMs: LEASE_MS, lockstep: null },
      upToDate: { [this.#volume]: [host] },
    })
    claims.close()
    if (!stored.stored) throw new Error(`the witness keeps no claim: ${stored.why}`)
  }

  async #startWitness(): Promise<string> {
    const data = join(this.disk.folder, 'claims')
    const witness = this.#child('witness', [
      ...([process.execPath, this.executables.witness, '--listen', '127.0.0.1:0', '--data', data] as const),
      ...['--key', this.#keyFile],
    ])
    const port = await witness.until('serving', () => Promise.resolve(/serving .*"port":(\d+)/.exec(witness.log)?.[1] ?? null))
    return `127.0.0.1:${port}`
  }

  #startWorker(side: Side, other: Side, witness: string): Child {
    const spec: WorkerSpec = {
      ...{ format: 1, id: this.#vm, pool: this.#pool, host: side.host, vm: this.#vm, witness, poolKeyFile: this.#keyFile },
      timelineFile: join(side.folder, 'timeline', 'worker.jsonl'),
      volumes: [{ key: this.#volume, sizeBytes: this.disk.sizeBytes, path: side.image }],
      listen: { port: side.address.port, addresses: side.address.addresses },
      peer: other.address,
      attached: {},
    }
    writeFileSync(join(side.folder, 'spec.json'), JSON.stringify(spec))
    return this.#child(side.name, [process.execPath, this.executables.worker, side.folder])
  }

  #child(name: string, argv: readonly [string, ...string[]]): Child {
    const log = join(this.disk.folder, `${name}.log`)
    const child = new Child(name, argv, { log, env: { UV_THREADPOOL_SIZE: IO_THREADS } })
    this.#children.push(child)
    return child
  }

  /** Loopback addresses of this process alone, so that any port is free on them. */
  #side(name: Side['name']): Side {
    const folder = join(this.disk.folder, name.slice(0, 1))
    mkdirSync(folder)
    const host = hostUuid(randomUUID())
    const address = `127.${1 + ((process.pid >> 8) % 250)}.${process.pid & 255}.${++sides}`
    return { name, host, folder, image: join(folder, IMAGE), address: { host, addresses: [address], port: 7801 } }
  }

  get #keyFile(): string {
    return join(this.disk.folder, 'pool.key')
  }

  async #stop(): Promise<void> {
    for (const child of this.#children.reverse()) await child.stop()
  }
}

const ask = <F extends keyof WorkerApi>(side: Side, fn: F, body: WorkerApi[F]['ask']): Promise<WorkerApi[F]['answer']> =>
  askSocket<WorkerApi, F>(fn, body, { socket: join(side.folder, 'control.sock'), limitMs: ASK_LIMIT_MS })

async function redundant(side: Side): Promise<true | null> {
  try {
    const { role, degraded } = await ask(side, 'status', {})
    return role === 'primary' && degraded === '' ? true : null
  } catch (error) {
    if (codeOf(error) === '') throw error
    return null
  }
}

const SILENT: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** A host while it is the coordinator: the database and its file, the API on top of it, the copies for the members. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HostAgent, HostOperations, PoolDescription, Ref } from '../../contract'
import { ApiError } from '../../contract'
import type { XapiMethodTable } from '../call/method'
import type { PoolControl } from '../coordinator'
import { Coordinator } from '../coordinator'
import type { PoolDatabase } from '../database/database'
import { dump, readDump, restore, StateFile } from '../database/state-file'
import { setEnabled } from '../methods/host'
import { text } from '../../values'
import { updateAll } from '../vm/allowed'
import { createCoordinatorOperations } from '../vm/reports'
import { localAgent, RemoteAgent } from './agents'
import { newPool } from './new-pool'

export interface CoordinatorSetup {
  readonly statePath: string
  readonly description: PoolDescription
  readonly hostUuid: string
  readonly secret: string
  readonly port: number
  readonly methods: XapiMethodTable
  readonly hostOperations: HostOperations
  resetCoordinator(address: string): void
}

export class CoordinatorRole implements PoolControl {
  readonly kind = 'coordinator'
  readonly db: PoolDatabase
  readonly here: Ref
  readonly coordinator: Coordinator
  /** What can be asked of this host: its own operations and those of the pool's head. */
  readonly operations: HostOperations
  private readonly sinceMs = performance.now()
  private readonly file: StateFile
  private readonly backup: NodeJS.Timeout
  private nextMember = 0

  /** Whole milliseconds since it came up. */
  get inOfficeMs(): number {
    return Math.round(performance.now() - this.sinceMs)
  }

  constructor(private readonly setup: CoordinatorSetup) {
    const { description, statePath, hostUuid } = setup
    const saved = readDump(statePath)
    this.db = saved === undefined ? newPool(description) : restore(saved)
    const here = this.db.byUuid('host', hostUuid)
    if (here === undefined) throw new Error(`host ${hostUuid} is not in the pool's database`)
    this.here = here
    for (const vm of this.db.refs('VM')) if (this.db.get('VM', vm, 'is_control_domain') !== true) updateAll(this.db, vm)
    this.file = new StateFile(this.db, statePath)
    this.takeOffice()
    const { times, rootPassword } = description
    this.coordinator = new Coordinator({ ...{ db: this.db, here, times, rootPassword }, methods: setup.methods, pool: this })
    this.operations = { ...setup.hostOperations, ...this.reports() }
    this.backup = setInterval(() => void this.copyToNextMember(), times.databaseBackupMs)
  }

  close(): void {
    clearInterval(this.backup)
    this.file.close()
  }

  agentOf(host: Ref): HostAgent {
    return host === this.here ? localAgent(this.operations) : this.remote(host)
  }

  isAlive(host: Ref): Promise<boolean> {
    return host === this.here ? Promise.resolve(true) : this.remote(host).isAlive(this.setup.description.times.deadHostProbeMs)
  }

  async syncDatabase(): Promise<void> {
    this.file.flush()
    await Promise.all(this.others().map((host) => this.copyTo(host)))
  }

  /** The refs of the hosts that obeyed; one that does not answer costs times.recoverSlavesMs. */
  async recoverMembers(): Promise<Ref[]> {
    const address = text(this.db.get('host', this.here, 'address'))
    const { recoverSlavesMs } = this.setup.description.times
    const recovered = await Promise.all(
      this.others().map(async (host) => {
        const limit = new AbortController()
        const late = delay(recoverSlavesMs, false, { signal: limit.signal }).catch(() => false)
        const obeyed = this.agentOf(host)
          .perform('pool.reset-coordinator', { address })
          .then(
            () => true,
            () => late,
          )
        const isRecovered = await Promise.race([obeyed, late])
        limit.abort()
        return isRecovered ? [host] : []
      }),
    )
    return recovered.flat()
  }

  resetCoordinator(address: string): void {
    this.setup.resetCoordinator(address)
  }

  others(): Ref[] {
    return this.db.refs('host').filter((host) => host !== this.here)
  }

  /** After a change of coordinator no host counts as enabled until it has reported. */
  private takeOffice(): void {
    const [pool] = this.db.refs('pool')
    if (pool === undefined || this.db.get('pool', pool, 'master') === this.here) return
    this.db.set('pool', pool, 'master', this.here)
    for (const host of this.db.refs('host')) this.db.set('host', host, 'enabled', false)
    this.file.flush()
  }

  private reports(): HostOperations {
    const reports = createCoordinatorOperations(() => this.coordinator.context('', ''))
    const started = reports['host.started']
    return {
      ...reports,
      'host.started': async (args) => {
        const answer = await (started?.(args) ?? Promise.resolve(''))
        const host = this.db.byUuid('host', text(args['host']))
        if (host !== undefined) setEnabled(this, host, true)
        return answer
      },
    }
  }

  private remote(host: Ref): RemoteAgent {
    const address = text(this.db.get('host', host, 'address'))
    return new RemoteAgent(host, { address, port: this.setup.port }, this.setup.secret, this.setup.description.times)
  }

  /** One member in turn, as the real one does: a copy may be as old as the number of members times the interval. */
  private async copyToNextMember(): Promise<void> {
    const members = this.others()
    const host = members[this.nextMember++ % Math.max(1, members.length)]
    if (host !== undefined) await this.copyTo(host)
  }

  private async copyTo(host: Ref): Promise<void> {
    if (!(await this.isAlive(host))) return
    const text = JSON.stringify(dump(this.db))
    try {
      await this.agentOf(host).perform('database.store', { text })
    } catch (error) {
      // A member that dies under the copy keeps its old one; anything else is a bug.
      if (!(error instanceof ApiError && error.code === 'CANNOT_CONTACT_HOST')) throw error
    }
  }
}

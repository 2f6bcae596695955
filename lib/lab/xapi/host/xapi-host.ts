/**
 * One host's xapi: it listens, and answers as the coordinator or as a member, whichever pool.conf says. A change of role is what it
 * is on a real host: pool.conf is rewritten, nothing changes for a while (the fuse), then xapi goes down and comes up again.
 *
 *     member --emergency transition--> fuse --> down --> coordinator
 *     any    --reset to an address---> fuse --> down --> member of that address
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { HostOperations, PoolDescription, Value } from '../../contract'
import { text } from '../../values'
import type { XapiMethodTable } from '../call/method'
import { isDump, writeDump } from '../database/state-file'
import { ownMethods } from '../methods/all'
import { extensionOperations } from '../plugin/extension'
import { toolOperations } from '../plugin/operations'
import type { HttpReply, HttpRequest } from '../server/http'
import { HttpDoors } from '../server/http'
import { serveService } from '../server/service-proxy'
import { LocalSessions } from '../session/local-sessions'
import type { HostPart, HostParts } from '../vm/host-operations'
import { CoordinatorRole } from './coordinator-role'
import type { Role } from './files'
import { HostFiles } from './files'
import { hasSecret, serveInternal } from './internal'
import { LinkDown, post } from './link'
import { MemberRole } from './member-role'
import { DOOR_HEADER, Reception } from './reception'

export interface XapiHostSetup {
  readonly root: string
  /** All hosts of the pool listen on the same port. */
  readonly port: number
  readonly listen: string
  readonly socketPath: string
  /** Methods of the lab's other parts, merged over this server's own. */
  readonly methods: XapiMethodTable
  hostPart(parts: Omit<HostParts, 'domains'>): Promise<HostPart>
  log(message: string): void
}

const IN_OFFICE = /coordinator for (\d+) ms/

export class XapiHost {
  private readonly files: HostFiles
  private readonly description: PoolDescription
  private readonly hostUuid: string
  private readonly secret: string
  private readonly methods: XapiMethodTable
  private readonly sessions: LocalSessions
  private readonly reception: Reception
  private readonly doors = new HttpDoors((request) => this.serve(request))
  private readonly stopped = new AbortController()
  private operations: HostOperations = {}
  private part: HostPart | undefined
  private role: CoordinatorRole | MemberRole | undefined
  private restarting: Promise<void> | undefined
  private announced: Promise<void> = Promise.resolve()

  constructor(private readonly setup: XapiHostSetup) {
    this.files = new HostFiles(setup.root)
    this.description = this.files.description()
    this.hostUuid = this.files.hostUuid()
    this.secret = this.files.poolSecret()
    this.methods = { ...ownMethods, ...setup.methods }
    this.sessions = new LocalSessions(this.description.rootPassword)
    this.reception = new Reception({
      ...{ hostUuid: this.hostUuid, methods: this.methods, sessions: this.sessions },
      promote: () => this.change({ kind: 'coordinator' }),
      resetCoordinator: (address) => this.change({ kind: 'member', of: address }),
    })
  }

  /** What this host can be asked to do; tests look through it at the coordinator. */
  get coordinator(): CoordinatorRole['coordinator'] | undefined {
    return this.role?.kind === 'coordinator' ? this.role.coordinator : undefined
  }

  async start(): Promise<void> {
    this.part = await this.setup.hostPart({
      root: this.setup.root,
      hostUuid: this.hostUuid,
      tellCoordinator: (operation, args) => this.tellCoordinator(operation, args),
      stillRunning: () => !this.stopped.signal.aborted,
    })
    this.operations = {
      ...toolOperations(this.setup.root),
      ...extensionOperations(this.setup.root),
      ...this.ownOperations(),
      ...this.part.operations,
    }
    await this.comeUp()
  }

  async stop(): Promise<void> {
    this.stopped.abort()
    await this.restarting
    await this.goDown()
  }

  private async comeUp(): Promise<void> {
    const role = this.files.role()
    this.role = role.kind === 'coordinator' ? this.takeCoordination() : this.takeMembership(role.of)
    await this.doors.openTcp(this.setup.listen, this.setup.port)
    await this.doors.openUnix(this.setup.socketPath)
    if (this.role.kind === 'coordinator') {
      await this.operations['hook.transition']?.({ argv: ['start'] })
      this.inBackground(this.lookForAnotherCoordinator(this.role))
    }
    this.announced = this.announced.then(() => this.announce())
    this.inBackground(this.announced)
  }

  private async goDown(): Promise<void> {
    const role = this.role
    this.role = undefined
    role?.close()
    await this.doors.close()
  }

  private takeCoordination(): CoordinatorRole {
    return new CoordinatorRole({
      ...{ description: this.description, hostUuid: this.hostUuid, secret: this.secret, port: this.setup.port },
      ...{ methods: this.methods, hostOperations: this.operations, statePath: this.statePath() },
      resetCoordinator: (address) => this.change({ kind: 'member', of: address }),
    })
  }

  private takeMembership(address: string): MemberRole {
    return new MemberRole({ address, port: this.setup.port }, { 'x-pool-token': this.secret, [DOOR_HEADER]: this.hostUuid })
  }

  /** Lights the fuse; the caller is answered long before anything happens. */
  private change(to: Role): void {
    const was = this.files.role()
    if (was.kind === to.kind && (was.kind === 'coordinator' || (to.kind === 'member' && was.of === to.of))) return
    this.files.setRole(to)
    const { promotionFuseMs } = this.description.times
    this.restarting ??= this.restartAfter(promotionFuseMs, was)
    this.inBackground(this.restarting)
  }

  private async restartAfter(fuseMs: number, was: Role): Promise<void> {
    const { signal } = this.stopped
    try {
      await delay(fuseMs, undefined, { signal })
      if (was.kind === 'coordinator') await this.operations['hook.transition']?.({ argv: ['stop'] })
      await this.goDown()
      await delay(this.description.times.promotionRestartMs, undefined, { signal })
    } catch (error) {
      if (signal.aborted) return
      throw error
    } finally {
      this.restarting = undefined
    }
    await this.comeUp()
  }

  /**
   * A coordinator that finds another one at its start gives way to it, unless that has come up since: two that find each other must not both
   * give way. If nobody answers it stays: there may then be two.
   */
  private async lookForAnotherCoordinator(mine: CoordinatorRole): Promise<void> {
    const limit = AbortSignal.any([AbortSignal.timeout(this.description.times.deadHostProbeMs), this.stopped.signal])
    const others = this.description.hosts.filter(({ uuid }) => uuid !== this.hostUuid)
    const wasFirst = async (address: string): Promise<boolean> => {
      const theirs = IN_OFFICE.exec(await this.roleOf(address, limit))?.[1]
      return theirs !== undefined && Number(theirs) >= mine.inOfficeMs
    }
    const first = await Promise.all(others.map(({ address }) => wasFirst(address)))
    const found = others.find((_, index) => first[index])
    if (found === undefined || this.role !== mine) return
    this.setup.log(`${found.name} is the coordinator already`)
    this.files.setRole({ kind: 'member', of: found.address })
    this.restarting ??= this.restartAfter(0, { kind: 'coordinator' })
    await this.restarting
  }

  private async roleOf(address: string, signal: AbortSignal): Promise<string> {
    const headers = { 'content-type': 'application/json', 'x-pool-token': this.secret }
    try {
      const reply = await post(
        { address, port: this.setup.port },
        { path: '/lab/role', headers, body: '{}', signal, connectMs: 2000 },
      )
      return reply.body.toString()
    } catch (error) {
      if (error instanceof LinkDown) return 'unknown'
      throw error
    }
  }

  private async announce(): Promise<void> {
    if (!this.stopped.signal.aborted) await this.part?.announceStart()
  }

  private async serve(request: HttpRequest): Promise<HttpReply | undefined> {
    const role = this.role
    if (role === undefined) return undefined
    const isPeer = request.door === 'tcp' && hasSecret(request, this.secret)
    if (request.path.startsWith('/lab/')) return isPeer ? this.serveInternal(request, role) : undefined
    const served = await serveService(request, this.setup.root, {
      isSession: async (ref) => this.sessions.has(ref) || (await this.isSession(ref, role)),
      isPassword: (user, password) => user === 'root' && password === this.description.rootPassword,
    })
    if (served !== undefined) return served
    if (role.kind === 'member') return this.reception.serveAsMember(request, role)
    return this.reception.serveAsCoordinator(request, role, isPeer)
  }

  private async isSession(ref: string, role: CoordinatorRole | MemberRole): Promise<boolean> {
    if (role.kind === 'coordinator') return role.coordinator.sessions.isValid(ref)
    return (await role.ask('/lab/session', { session: ref })) === true
  }

  private serveInternal(request: HttpRequest, role: CoordinatorRole | MemberRole): Promise<HttpReply> {
    const head = role.kind === 'coordinator' ? role : undefined
    const notHead = (): never => {
      throw new Error('this host is not the coordinator')
    }
    return serveInternal(request, {
      role: () => (role.kind === 'coordinator' ? `coordinator for ${role.inOfficeMs} ms` : role.kind),
      perform: (operation, args) => perform(head?.operations ?? this.operations, operation, args),
      isSession: (ref) => (head ?? notHead()).coordinator.sessions.isValid(ref),
      call: async (method, params, session, door) => {
        const { coordinator, db, here } = head ?? notHead()
        const origin = { door: db.byUuid('host', door) ?? here, isPreauthenticated: true, localSession: session }
        return (await coordinator.call(method, [session, ...params], origin)).value
      },
    })
  }

  /** Rejects while there is no coordinator to be told. */
  private async tellCoordinator(operation: string, args: { [key: string]: Value }): Promise<Value> {
    const role = this.role
    if (role === undefined) throw new Error('xapi is restarting')
    if (role.kind === 'coordinator') return perform(role.operations, operation, args)
    return role.askOnce('/lab/agent', { operation, args })
  }

  private ownOperations(): HostOperations {
    return {
      'host.clock': () => Promise.resolve(Date.now()),
      'pool.reset-coordinator': ({ address }) => {
        this.change({ kind: 'member', of: text(address) })
        return Promise.resolve('')
      },
      'database.store': ({ text: json }) => {
        const saved: unknown = JSON.parse(text(json))
        if (!isDump(saved)) throw new Error('not a copy of the database')
        // A host that has become the coordinator meanwhile keeps its own.
        if (this.files.role().kind === 'member') writeDump(this.statePath(), saved)
        return Promise.resolve('')
      },
    }
  }

  private statePath(): string {
    return this.files.path('var/lib/xcp/state.json')
  }

  private inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.stopped.signal.aborted) this.setup.log(error instanceof Error ? (error.stack ?? error.message) : String(error))
    })
  }
}

function perform(operations: HostOperations, operation: string, args: { [key: string]: Value }): Promise<Value> {
  const run = operations[operation]
  if (run === undefined) throw new Error(`no operation ${operation} on this host`)
  return run(args)
}

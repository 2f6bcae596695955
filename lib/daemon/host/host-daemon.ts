/**
 * One per host: hears the other hosts, watches XAPI, keeps the workers running, turns dials, and carries failover out. The data
 * path and the claims are the workers': this process may end at any moment and picks up where it was.
 */
import type { HostRole } from '../../core/domain/heartbeat'
import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { Timer } from '../../ports/timers'
import type { DaemonApi } from '../../wire/daemon-api'
import { Catalogue } from './catalogue'
import { CoordinatorClaim } from './coordinator-claim'
import { DatabaseSync } from './database-sync'
import { asVm, datapathHandlers } from './datapath'
import { FailoverDriver } from './failover/failover-driver'
import { attachWithoutCoordinator } from './failover/without-coordinator'
import { Fencing, hears } from './fencing/fencing'
import { fenceHandler } from './fencing/fence-report'
import { Fleet } from './fleet'
import { hookVerdict } from './hooks'
import { forecastHere } from './lockstep/forecast'
import { LockstepLevel } from './lockstep/lockstep-level'
import { lacksHere } from './lockstep/standby-room'
import { Membership } from './membership'
import { Moves } from './move/move'
import { DiskMover } from './move/move-disks'
import type { HostParts } from './parts'
import { promoteHandler } from './fencing/promote'
import { Protection } from './protection'
import { PutAway } from './put-away'
import { RanHere } from './failover/ran-here'
import { peerHandlers } from './secondary-duty'
import { FormerHome } from './reprotect/former-home'
import { Reprotection } from './reprotect/reprotection'
import { ResyncTasks } from './resync-tasks'
import { splitHandlers } from './split/split'
import { statusReport } from './status'
import { storageHandlers } from './storage'
import { timelineReport } from './timeline-report'
import { Upkeep } from './upkeep'
import { verify } from './verify'

export type DaemonHandlers = { readonly [F in keyof DaemonApi]: (ask: DaemonApi[F]['ask']) => Promise<DaemonApi[F]['answer']> }

const FAILOVER_TICK_MS = 100
const UPKEEP_EVERY_MS = 1000
const COORDINATOR_EVERY_MS = 300

export class HostDaemon {
  readonly #membership: Membership
  readonly #fencing: Fencing
  readonly #catalogue: Catalogue
  readonly #fleet: Fleet
  readonly #upkeep: Upkeep
  readonly #failover: FailoverDriver
  readonly #election: CoordinatorClaim
  readonly #database: DatabaseSync
  readonly #tasks: ResyncTasks
  readonly #reprotection: Reprotection
  readonly #timers: Timer[] = []
  #heartbeats: { close(): void } | null = null
  readonly handlers: DaemonHandlers

  constructor(private readonly parts: HostParts) {
    this.#catalogue = new Catalogue(parts)
    this.#fleet = new Fleet(parts, this.#catalogue)
    this.#election = new CoordinatorClaim(parts)
    const membership = new Membership(parts, {
      suspected: (host, evidence) => void this.#failover.suspected(host, evidence),
      heard: (host) => {
        this.#failover.back(host)
        void this.#catalogue.reconcile(host)
      },
    })
    this.#membership = membership
    const fencing = new Fencing({
      ...{ parts, catalogue: this.#catalogue, membership },
      isNoted: (vm) => this.#fleet.has(vm),
      proven: (host) => this.#failover.fenced(host),
    })
    this.#fencing = fencing
    this.#failover = new FailoverDriver({
      ...{ parts, fleet: this.#fleet, election: this.#election, fencing },
      ran: (vm) => this.#catalogue.ofVm(vm).some(({ guestActive }) => guestActive === true),
    })
    const [catalogue, fleet] = [this.#catalogue, this.#fleet]
    const mover = new DiskMover(parts)
    this.#database = new DatabaseSync(
      parts,
      catalogue,
      () => this.#election.held,
      (host) => membership.isAlive(host),
    )
    const database = this.#database
    this.#tasks = new ResyncTasks(parts, fleet)
    const lockstep = new LockstepLevel(parts, catalogue, fleet)
    const protection = new Protection({ parts, catalogue, fleet, mover, database, membership, lockstep })
    const moves = new Moves({ parts, catalogue, fleet, membership })
    const ran = new RanHere(parts, catalogue, this.#failover)
    const putAway = new PutAway(parts, fleet)
    const isAlive = (host: HostUuid): boolean => membership.isAlive(host)
    const awaits = (hosts: ReadonlySet<HostUuid>): void => membership.awaits(hosts)
    const isUnderWay = (vm: VmUuid): boolean => this.#failover.isUnderWay(vm)
    this.#reprotection = new Reprotection({ parts, catalogue, fleet, protection, isAlive, isUnderWay })
    const formerHome = new FormerHome(parts, catalogue, fleet)
    const kept = { parts, catalogue, fleet, lockstep, protection, moves, putAway, formerHome, ran }
    this.#upkeep = new Upkeep({ ...kept, isAlive, awaits })
    this.handlers = {
      version: () => Promise.resolve({ version: parts.version, host: parts.host }),
      status: (ask) => statusReport({ parts, catalogue, fleet, mover, membership, fencing }, ask),
      plan: (ask) => protection.plan(ask),
      protect: (ask) => protection.protect(ask),
      unprotect: (ask) => protection.unprotect(ask),
      promote: promoteHandler({ parts, fleet, fencing }),
      fence: fenceHandler({ parts, membership, fencing }),
      hears: (ask) => Promise.resolve(hears(membership, ask)),
      verify: (ask) => verify(parts, fleet, ask),
      move: (ask) => moves.move(ask),
      moving: (ask) => moves.moving(ask),
      'handed-over': (ask) => moves.handedOver(ask),
      timeline: (ask) => timelineReport(parts, ask, (host) => membership.isAlive(host)),
      'lockstep-lacks': async () => ({ lacks: await lacksHere(parts) }),
      'lockstep-forecast': ({ vm }) => forecastHere(parts, fleet, asVm(vm)),
      hook: (ask) => hookVerdict(parts, catalogue, ask),
      ...storageHandlers(parts, catalogue, fleet),
      ...datapathHandlers(parts, catalogue, fleet),
      ...peerHandlers(parts, catalogue, fleet),
      ...splitHandlers({ parts, catalogue, fleet, isAlive: (host) => membership.isAlive(host) }),
    }
  }

  async start(): Promise<void> {
    const { parts } = this
    await this.#catalogue.open()
    await this.#fleet.open()
    this.#heartbeats = this.#membership.start(() => this.#role())
    this.#every(FAILOVER_TICK_MS, () => {
      if (!this.#failover.idle) this.#failover.tick()
      this.#fencing.tick()
    })
    this.#every(UPKEEP_EVERY_MS, () => {
      void this.#upkeep.turn()
      void this.#failover.lookAgain()
      void attachWithoutCoordinator(parts, this.#catalogue, this.#membership)
      void this.#database.turn()
      void this.#tasks.turn()
      void this.#reprotection.turn()
    })
    this.#every(COORDINATOR_EVERY_MS, () => void this.#election.keep(this.#role().coordinator && parts.xapi.reachable))
    for (const host of this.#membership.others) void this.#catalogue.reconcile(host)
    parts.log.info('serving', { host: parts.host, version: parts.version, workers: this.#fleet.specs().length })
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(this.parts.timers.every(ms, work))
  }

  #role(): HostRole {
    const { xapi, host } = this.parts
    return { coordinator: xapi.inventory()?.coordinator === host, xapiUp: xapi.reachable }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.stop()
    this.#heartbeats?.close()
    this.parts.witness.close()
    await this.parts.xapi.close()
  }
}

/**
 * One per host: hears the other hosts, watches XAPI, keeps the workers running, turns dials, and carries failover out. The data
 * path and the claims are the workers': this process may end at any moment and picks up where it was.
 */
import type { HostRole } from '../../core/domain/heartbeat'
import type { HostUuid } from '../../core/domain/ids'
import { HeartbeatWatch, type HeartbeatEffect, type HeartbeatEvent } from '../../core/membership/heartbeat'
import type { Timer } from '../../ports/timers'
import type { DaemonApi } from '../../wire/daemon-api'
import { Catalogue } from './catalogue'
import { CoordinatorClaim } from './coordinator-claim'
import { DatabaseSync } from './database-sync'
import { datapathHandlers } from './datapath'
import { FailoverDriver } from './failover-driver'
import { Fleet } from './fleet'
import { hookVerdict } from './hooks'
import { DiskMover } from './move-disks'
import { hostNameOf } from './names'
import type { HostParts } from './parts'
import { Protection } from './protection'
import { peerHandlers } from './secondary-duty'
import { ResyncTasks } from './resync-tasks'
import { statusReport } from './status'
import { storageHandlers } from './storage'
import { timelineReport } from './timeline-report'
import { Upkeep } from './upkeep'
import { verify } from './verify'

export type DaemonHandlers = { readonly [F in keyof DaemonApi]: (ask: DaemonApi[F]['ask']) => Promise<DaemonApi[F]['answer']> }

const HEARTBEAT_TICK_MS = 100
const UPKEEP_EVERY_MS = 1000
const COORDINATOR_EVERY_MS = 300

export class HostDaemon {
  readonly #watch: HeartbeatWatch
  readonly #catalogue: Catalogue
  readonly #fleet: Fleet
  readonly #upkeep: Upkeep
  readonly #failover: FailoverDriver
  readonly #election: CoordinatorClaim
  readonly #database: DatabaseSync
  readonly #tasks: ResyncTasks
  readonly #timers: Timer[] = []
  #heartbeats: { close(): void } | null = null
  readonly handlers: DaemonHandlers

  constructor(private readonly parts: HostParts) {
    this.#watch = new HeartbeatWatch(parts.config.suspectAfterMs)
    this.#catalogue = new Catalogue(parts)
    this.#fleet = new Fleet(parts, this.#catalogue)
    this.#election = new CoordinatorClaim(parts)
    this.#failover = new FailoverDriver({ parts, fleet: this.#fleet, election: this.#election })
    const [catalogue, fleet] = [this.#catalogue, this.#fleet]
    const mover = new DiskMover(parts)
    this.#database = new DatabaseSync(parts, catalogue, () => this.#election.held)
    const database = this.#database
    this.#tasks = new ResyncTasks(parts, fleet)
    const protection = new Protection({ parts, catalogue, fleet, mover, database, suspected: () => this.#suspected() })
    this.#upkeep = new Upkeep({ parts, catalogue, fleet, protection, isAlive: (host) => this.#state(host) === 'alive' })
    const peers = (): ReturnType<HeartbeatWatch['report']> => this.#watch.report()
    this.handlers = {
      version: () => Promise.resolve({ version: parts.version, host: parts.host }),
      status: (ask) => statusReport({ parts, catalogue, fleet, mover, peers }, ask),
      plan: (ask) => protection.plan(ask),
      protect: (ask) => protection.protect(ask),
      unprotect: (ask) => protection.unprotect(ask),
      verify: (ask) => verify(parts, fleet, ask),
      timeline: (ask) => timelineReport(parts, ask, (host) => this.#state(host) === 'alive'),
      hook: (ask) => hookVerdict(parts, catalogue, ask),
      ...storageHandlers(parts, catalogue, fleet),
      ...datapathHandlers(parts, catalogue, fleet),
      ...peerHandlers(parts, catalogue, fleet),
    }
  }

  async start(): Promise<void> {
    const { parts } = this
    await this.#catalogue.open()
    await this.#fleet.open()
    const links = (host: HostUuid): string[] => [
      'management',
      ...(parts.config.hosts[host]?.alinks ?? []).map((_, n) => `alink${n}`),
    ]
    const peers = this.#peers().map((host) => ({ host, links: links(host) }))
    this.#hear({ type: 'peers', peers, atMs: parts.clock.nowMs() })
    this.#heartbeats = parts.heartbeats(
      () => this.#role(),
      (heard) => this.#hear({ type: 'received', ...heard, atMs: parts.clock.nowMs() }),
    )
    this.#every(HEARTBEAT_TICK_MS, () => {
      this.#hear({ type: 'tick', atMs: parts.clock.nowMs() })
      if (!this.#failover.idle) this.#failover.tick()
    })
    this.#every(UPKEEP_EVERY_MS, () => {
      void this.#upkeep.turn()
      void this.#failover.lookAgain()
      void this.#database.turn()
      void this.#tasks.turn()
    })
    this.#every(COORDINATOR_EVERY_MS, () => void this.#election.keep(this.#role().coordinator && parts.xapi.reachable))
    for (const host of this.#peers()) void this.#catalogue.reconcile(host)
    parts.log.info('serving', { host: parts.host, version: parts.version, workers: this.#fleet.specs().length })
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(this.parts.timers.every(ms, work))
  }

  #peers(): HostUuid[] {
    return (Object.keys(this.parts.config.hosts) as HostUuid[]).filter((host) => host !== this.parts.host)
  }

  #role(): HostRole {
    const { xapi, host } = this.parts
    return { coordinator: xapi.inventory()?.coordinator === host, xapiUp: xapi.reachable }
  }

  #state(host: HostUuid): string {
    return this.#watch.report().find((peer) => peer.host === host)?.state ?? 'unknown'
  }

  #suspected(): ReadonlySet<HostUuid> {
    return new Set(this.#watch.report().flatMap(({ host, state }) => (state === 'alive' ? [] : [host])))
  }

  #hear(event: HeartbeatEvent): void {
    for (const effect of this.#watch.apply(event)) this.#membership(effect)
  }

  #membership(effect: HeartbeatEffect): void {
    const { log } = this.parts
    switch (effect.type) {
      case 'peer-suspected': {
        const evidence = Object.fromEntries(
          effect.evidence.map(({ link, silentMs }) => [`${link}SilentMs`, Math.round(silentMs)]),
        )
        log.warn('host suspected', { host: effect.peer, rule: effect.rule, ...evidence })
        // A host never heard since this daemon started says nothing about the VMs it may run.
        void this.#failover.suspected(effect.peer, evidence)
        break
      }
      case 'peer-alive':
        log.info('host heard', { host: effect.peer, link: effect.link })
        this.#told(effect.peer, 'host-heard', 'heartbeat-arrived', `${hostNameOf(this.parts, effect.peer)} is heard.`)
        this.#failover.back(effect.peer)
        void this.#catalogue.reconcile(effect.peer)
        break
      case 'link-silent':
        this.#told(
          effect.peer,
          'link-silent',
          'no-heartbeat',
          `No heartbeat of ${hostNameOf(this.parts, effect.peer)} on ${effect.link}.`,
        )
        break
      case 'link-heard':
      case 'peer-restarted':
      case 'peer-role':
      case 'own-pause':
        log.debug('membership', { ...effect })
        break
    }
  }

  #told(host: HostUuid, act: string, rule: string, text: string): void {
    this.parts.timeline.record({ vm: null, act, rule, text, evidence: { host } })
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.stop()
    this.#heartbeats?.close()
    this.parts.witness.close()
    await this.parts.xapi.close()
  }
}

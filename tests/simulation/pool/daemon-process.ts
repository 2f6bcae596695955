import { Refusal } from '../../../lib/core/domain/errors'
import { HEARTBEAT_EVERY_MS, type HostRole } from '../../../lib/core/domain/heartbeat'
import type { HostUuid } from '../../../lib/core/domain/ids'
import type { DeciderNote } from '../../../lib/core/domain/decider-note'
import { HostDaemon } from '../../../lib/daemon/host/host-daemon'
import type { HeardHeartbeat, HostParts } from '../../../lib/daemon/host/parts'
import { PoolWitness } from '../../../lib/daemon/host/pool-witness'
import { Hearing } from '../../../lib/dom0/heartbeat/heartbeat-hearing'
import type { WorkerPort } from '../../../lib/ports/workers'
import { type HoldfastConfig, USUAL_CONFIG } from '../../../lib/wire/config'
import type { DaemonApi } from '../../../lib/wire/daemon-api'
import { Callee } from './callee'
import { domainControl } from './domain'
import { must } from '../mirror/must'
import { failure } from './failure'
import type { Machine } from './machine'
import { hostOf, nameOf, POOL } from './names'
import { powerSwitches } from './power-switches'
import { Process } from './process'
import { logTo } from './silent-log'
import { SimulatedWitness } from './witness-port'
import { witnessNames } from './world'
import { SimulatedXapi } from './xapi-port'

const PEER_LIMIT_MS = 5000
const PEER_CONNECT_MS = 500

/** A host's daemon as the production code has it, and the world around it. */
export class DaemonProcess {
  readonly process: Process
  readonly #callee: Callee
  readonly #witnesses: readonly SimulatedWitness[]
  readonly #daemon: HostDaemon
  #received: ((heard: HeardHeartbeat) => void) | null = null
  #counter = 0
  readonly #hearing = new Hearing()

  constructor(
    private readonly machine: Machine,
    private readonly number: number,
  ) {
    const { world } = machine
    this.process = new Process(world, machine)
    this.#callee = new Callee(this.process)
    this.#witnesses = machine.roads.map((road) => new SimulatedWitness(this.process, road, POOL, `daemon ${machine.name}`))
    world.say(() => `${machine.name} daemon ${machine.boot}.${number} starts`)
    this.#daemon = new HostDaemon(this.#parts())
    void this.#daemon.start()
  }

  die(silently: boolean): void {
    this.process.life.alive = false
    if (!silently) for (const witness of this.#witnesses) witness.died()
    this.#callee.ended()
  }

  /** Rejects with what it refuses, or as a socket does. */
  ask<F extends keyof DaemonApi>(
    from: Process,
    fn: F,
    ask: DaemonApi[F]['ask'],
    limitMs: number,
  ): Promise<DaemonApi[F]['answer']> {
    return this.#callee.ask(from, () => this.#daemon.handlers[fn](ask), limitMs)
  }

  /** A datagram has come over these links. */
  hears(heard: Omit<HeardHeartbeat, 'link'>, links: readonly string[]): void {
    this.process.nature.schedule.to(this.process.life, () => {
      for (const link of links) {
        this.#hearing.heard(heard.peer, link, heard.counter, this.process.clock.nowMs())
        this.#received?.({ ...heard, link })
      }
    })
  }

  #parts(): HostParts {
    const { machine, process } = this
    const { world } = machine
    const { clock, timers } = process
    return {
      ...{ version: 'simulated', host: machine.uuid, config: configOf(machine), clock, timers, ...this.#asked() },
      log: logTo(world.say, `${machine.name} daemon`),
      timeline: { record: (entry) => world.recorded(machine, entry) },
      readTimeline: () => [],
      xapi: new SimulatedXapi(process, machine),
      writtenCoordinator: () => machine.xapi.office.coordinator,
      workers: this.#workers(),
      standbys: { lacks: () => Promise.resolve('a simulated host runs no machines') },
      fronts: { serve: (_client, { socket }) => Promise.resolve(socket), release: () => undefined },
      srs: machine.storage.registry(process),
      power: powerSwitches(process, world),
      fences: machine.fenceWords.of(process),
      askPeer: (host, fn, ask, limitMs = PEER_LIMIT_MS) => this.#askPeer(host, fn, ask, limitMs),
      newUuid: () => world.newUuid(),
      takeSelfFenced: (vm) => machine.leases.takeDestroyed(vm),
      upMs: () => clock.nowMs(),
      domains: domainControl(process, machine.domains),
      heartbeats: (role, received) => {
        this.#received = received
        const timer = timers.every(HEARTBEAT_EVERY_MS, () => this.#beat(role()))
        return { close: () => timer.stop() }
      },
    }
  }

  #asked(): Pick<HostParts, 'witness' | 'witnesses' | 'forgetNote'> {
    const { claimNotes } = this.machine
    const preferred = must(this.#witnesses[0], 'there is a preferred one')
    const alternate = this.#witnesses[1]
    if (alternate === undefined) return { witness: preferred }
    const notes = claimNotes.of(this.process)
    const noteOf = async (vm: string): Promise<DeciderNote | null> => {
      const note = await notes.read(vm)
      return note === 'damaged' ? null : note
    }
    return {
      witness: new PoolWitness({ pool: POOL, preferred, alternate, noteOf }),
      witnesses: { preferred, alternate },
      forgetNote: (vm) => notes.forget(vm),
    }
  }

  #beat(role: HostRole): void {
    const { machine } = this
    const sender = this.#hearing.tell(this.process.clock.nowMs())
    const incarnation = 1000 * machine.boots + this.number
    const heard = { peer: machine.uuid, incarnation, counter: ++this.#counter, role, sender }
    for (const other of machine.world.machines)
      if (other !== machine) machine.world.air.send(machine.name, other.name, (links) => other.daemon?.hears(heard, links))
  }

  async #askPeer<F extends keyof DaemonApi>(
    host: HostUuid,
    fn: F,
    ask: DaemonApi[F]['ask'],
    limitMs: number,
  ): Promise<DaemonApi[F]['answer']> {
    const { machine, process } = this
    const { air } = machine.world
    const other = machine.world.machine(nameOf(host))
    const unreachable = (reason: string): Refusal => new Refusal('HOLDFAST_HOST_UNREACHABLE', { host, reason })
    await process.within(air.latencyMs)
    if (!air.reaches(machine, other)) {
      await process.timers.pause(PEER_CONNECT_MS)
      throw unreachable('no connection')
    }
    const { daemon } = other
    if (daemon === null) throw unreachable('ECONNREFUSED')
    try {
      const answer = await daemon.ask(process, fn, ask, limitMs)
      await process.within(air.latencyMs)
      if (air.reaches(other, machine)) return answer
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error
    }
    await process.timers.pause(PEER_CONNECT_MS)
    throw unreachable('the connection ended')
  }

  #workers(): WorkerPort {
    const { machine, process } = this
    return {
      list: () => [...machine.workers.specs.values()],
      start: async (spec) => {
        await process.within(5)
        if (machine.workers.specs.has(spec.id)) return
        machine.workers.specs.set(spec.id, spec)
        machine.workers.start(spec.id, 20 + process.nature.dice.fraction() * 60)
      },
      running: async (id) => {
        await process.within(2)
        return machine.workers.specs.has(id)
      },
      ask: async (id, fn, ask, limitMs) => {
        await process.within(2)
        const worker = machine.worker(id)
        if (worker === null) throw failure('ECONNREFUSED')
        return worker.ask(process, fn, ask, limitMs)
      },
      remove: async (id) => {
        await process.within(20)
        machine.workers.remove(id)
      },
      onExit: () => undefined,
    }
  }
}

function configOf({ world }: Machine): HoldfastConfig {
  const alinks = world.plan.lanesMs.length - 1
  const addresses = (uuid: HostUuid): HoldfastConfig['hosts'][HostUuid] => ({
    ...{ name: nameOf(uuid), management: uuid, alinks: Array.from({ length: alinks }, () => uuid) },
  })
  return {
    ...USUAL_CONFIG,
    ...{ format: 1, pool: POOL, ...witnessNames(world), diskClients: 'reconnect' },
    // No other host has disks here that a copy could be made on.
    reprotectAfterMs: 0,
    hosts: Object.fromEntries(world.machines.map(({ name }) => [hostOf(name), addresses(hostOf(name))])),
  }
}

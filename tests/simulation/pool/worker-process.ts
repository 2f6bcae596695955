import { noClaimNotes } from '../../world/no-claim-notes'
import type { HostUuid } from '../../../lib/core/domain/ids'
import type { WorkerParts } from '../../../lib/daemon/worker/parts'
import { Worker } from '../../../lib/daemon/worker/worker'
import type { WorkerApi, WorkerSpec } from '../../../lib/wire/worker-api'
import { cellsOf } from '../../world/cells'
import { digests } from '../mirror/cell-range'
import { must } from '../mirror/must'
import { Callee } from './callee'
import { domainControl } from './domain'
import type { Machine } from './machine'
import { POOL } from './names'
import { Process } from './process'
import { openReplicaOn } from './replica-port'
import { logTo } from './silent-log'
import { SimulatedWitness } from './witness-port'

/** A worker as the production code has it, and the world around it. */
export class WorkerProcess {
  readonly process: Process
  readonly #witnesses: readonly SimulatedWitness[]
  readonly #worker: Worker
  readonly #callee: Callee

  constructor(
    private readonly machine: Machine,
    spec: WorkerSpec,
    readonly pid: number,
    /** It wants to be started again. */
    private readonly ends: () => void,
  ) {
    const { world } = machine
    this.process = new Process(world, machine)
    this.#callee = new Callee(this.process)
    const client = `worker ${machine.name} ${spec.id}`
    this.#witnesses = machine.roads.map((road) => new SimulatedWitness(this.process, road, POOL, client))
    const vm = world.vms.find(({ uuid }) => uuid === spec.vm)
    if (vm !== undefined)
      for (const witness of this.#witnesses) {
        witness.onTaking = () => world.onMoment('taking', vm)
        witness.onCarrying = () => world.onMoment('carrying', vm)
      }
    const incarnation = `${machine.boot}.${pid}`
    world.say(() => `${machine.name} worker ${incarnation} starts`)
    this.#worker = new Worker(spec, this.#parts(spec, incarnation), (changed) => void machine.workers.specs.set(spec.id, changed))
    void this.#worker.start()
  }

  get status(): ReturnType<Worker['status']> {
    return this.#worker.status()
  }

  /** `silently`: its machine is gone with it. */
  die(silently: boolean): void {
    const { world, exports, claimNotes } = this.machine
    this.process.life.alive = false
    world.roads.died(this.process.life, silently)
    exports.died(this.process)
    claimNotes.died(this.process)
    if (!silently) for (const witness of this.#witnesses) witness.died()
    this.#callee.ended()
  }

  /** Rejects as a socket does, or with what the worker refuses. */
  ask<F extends keyof WorkerApi>(
    from: Process,
    fn: F,
    ask: WorkerApi[F]['ask'],
    limitMs: number,
  ): Promise<WorkerApi[F]['answer']> {
    return this.#callee.ask(from, () => this.#worker.handlers[fn](ask), limitMs)
  }

  #parts(spec: WorkerSpec, incarnation: string): WorkerParts {
    const { machine, process } = this
    const { world } = machine
    const { plan, dice } = world
    const { clock, timers } = process
    return {
      ...{
        clock,
        bootClock: clock,
        leases: machine.leases.ofWorker(spec.id, this.pid),
        timers,
        incarnation,
        boot: machine.boot,
        pace: {},
        witness: must(this.#witnesses[0], 'there is a preferred one'),
      },
      ...(plan.pair === null
        ? { alternate: null, claimNotes: noClaimNotes }
        : { alternate: this.#witnesses[1] ?? null, claimNotes: machine.claimNotes.of(process), switchTimes: plan.pair }),
      log: logTo(world.say, `${machine.name} worker`),
      timeline: { record: (entry) => world.recorded(machine, entry) },
      domains: domainControl(process, machine.domains),
      openReplica: openReplicaOn(
        process,
        plan.notesMs,
        (volume) => machine.store(volume),
        (volume) => machine.failed(volume),
      ),
      serveDisk: (volume, _size, handler) =>
        machine.exports.serve(process, volume as WorkerSpec['volumes'][number]['key'], handler),
      serveView: () => notAsked('a view of a replica'),
      putAway: () => notAsked('a replica to be put away'),
      keepAside: () => notAsked('a copy of a replica'),
      dialPeer: (dial) => world.doors.dial(process, machine.uuid, dial.addresses[0] as HostUuid, dial),
      listenPeer: async (listen) => {
        await process.within(2)
        return world.doors.listen(process, machine.uuid, listen)
      },
      newGeneration: () => world.newGeneration(),
      digest: async (data) => {
        await process.within(0.5)
        return digests(cellsOf(data))
      },
      newLinkId: () => Math.floor(clock.nowMs()) * 1000 + dice.below(1000),
      restart: (reason) => {
        world.say(() => `${machine.name} worker of ${spec.id} restarts: ${reason}`)
        void process.within(20).then(this.ends)
      },
    }
  }
}

function notAsked(what: string): never {
  throw new Error(`no simulated operator asks for ${what}`)
}

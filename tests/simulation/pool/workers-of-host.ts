import type { VmUuid } from '../../../lib/core/domain/ids'
import type { WorkerApi, WorkerSpec } from '../../../lib/wire/worker-api'
import type { Machine } from './machine'
import { Process } from './process'
import { unlessRefused } from './unless-refused'
import { WorkerProcess } from './worker-process'

/** A minder starts its worker again at once. */
const RESTART_MS = 80
/** A guest whose worker was away less long ago may not have been stopped yet. */
const AWAY_MS = 3000
const OPERATOR_MS = 3000

/** The workers of a machine, and what each of them is to do. */
export class WorkersOfHost {
  /** In memory: gone with the power. */
  readonly specs = new Map<string, WorkerSpec>()
  readonly #all = new Map<string, WorkerProcess>()
  readonly #awayUntil = new Map<string, number>()

  constructor(private readonly machine: Machine) {}

  get(id: string): WorkerProcess | null {
    return this.#all.get(id) ?? null
  }

  /** The VM's worker did not run all the time of late. */
  wasAway(vm: VmUuid): boolean {
    return !this.#all.has(vm) || this.machine.world.schedule.now < (this.#awayUntil.get(vm) ?? -Infinity) + AWAY_MS
  }

  start(id: string, inMs: number): void {
    const { machine } = this
    machine.world.schedule.after(
      inMs,
      () => {
        const spec = this.specs.get(id)
        if (spec === undefined || this.#all.has(id)) return
        const worker = new WorkerProcess(machine, spec, machine.nextPid(), () => {
          if (this.#all.get(id) === worker) this.kill(id)
        })
        this.#all.set(id, worker)
        this.#away(id, machine.world.schedule.now)
      },
      machine.life,
    )
  }

  kill(id: string): void {
    const { world, name } = this.machine
    const worker = this.#all.get(id)
    const spec = this.specs.get(id)
    if (worker === undefined || spec === undefined) return
    world.say(() => `${name} worker of ${id} dies`)
    this.#end(id, false)
    for (const { key } of spec.volumes) {
      const store = this.machine.store(key)
      store.disk.killed(worker.process.life)
      store.notes.crashed()
      const vm = world.vmWith(key)
      vm.judge.damage.killed(vm.side(name))
    }
    this.start(id, 5 + world.dice.fraction() * RESTART_MS)
  }

  /** By its process id; false when it is not there any more. */
  killProcess(pid: number): boolean {
    const found = [...this.#all].find(([, worker]) => worker.pid === pid)
    if (found !== undefined) this.kill(found[0])
    return found !== undefined
  }

  /** Stopped by a signal until then. */
  stall(id: string, untilMs: number): void {
    const worker = this.#all.get(id)
    if (worker === undefined) return
    const { life } = worker.process
    // Never shortened: what waits for its end would be overtaken.
    life.stalledUntil = Math.max(life.stalledUntil, untilMs)
    this.#away(id, life.stalledUntil)
    this.machine.world.roads.stalled(life, life.stalledUntil)
  }

  stallAll(untilMs: number): void {
    for (const id of this.#all.keys()) this.stall(id, untilMs)
  }

  /** What an operator asks comes at bad moments, and may be refused. */
  operatorAsks<F extends keyof WorkerApi>(id: string, fn: F, ask: WorkerApi[F]['ask']): void {
    const { machine } = this
    const worker = this.#all.get(id)
    if (worker === undefined || !machine.powered) return
    void unlessRefused(worker.ask(new Process(machine.world, machine, machine.life), fn, ask, OPERATOR_MS))
  }

  /** The daemon is done with it. */
  remove(id: string): void {
    this.#end(id, false)
    this.specs.delete(id)
  }

  powerLost(): void {
    for (const id of [...this.#all.keys()]) this.#end(id, true)
    this.specs.clear()
  }

  #away(id: string, untilMs: number): void {
    this.#awayUntil.set(id, Math.max(untilMs, this.#awayUntil.get(id) ?? 0))
  }

  #end(id: string, silently: boolean): void {
    this.#all.get(id)?.die(silently)
    this.#all.delete(id)
    this.#away(id, this.machine.world.schedule.now + RESTART_MS)
  }
}

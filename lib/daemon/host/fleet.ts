import { Refusal } from '../../core/domain/errors'
import { PATHS, PORTS } from '../../core/domain/layout'
import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { VolumeRecord } from '../../core/domain/volume'
import type { PeerAddress, WorkerApi, WorkerSpec, WorkerStatus } from '../../wire/worker-api'
import type { Catalogue } from './catalogue'
import { wantedLockstep } from './lockstep/wish'
import type { HostParts } from './parts'
import { settingsFor, ToldSettings } from './worker-settings'

const ASK_LIMIT_MS = 3000
const STATUS_LIMIT_MS = 800
/** A worker is started again at once by its minder; one whose minder ended, this much later. */
const RESTART_AFTER_MS = 200

/** Errors of a socket without a process behind it, or with one that is about to go. */
const GONE = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

/** Keeps the worker processes of this host running, and makes their specs. */
export class Fleet {
  readonly #wanted = new Set<string>()
  /** Of workers that may not be on the list yet, by VM. */
  readonly #ports = new Map<string, number>()

  /** By worker: the end of the last of what is done alone. */
  readonly #lanes = new Map<string, Promise<void>>()
  readonly #settings: ToldSettings

  constructor(
    private readonly parts: HostParts,
    private readonly catalogue: Catalogue,
  ) {
    this.#settings = new ToldSettings(parts)
    parts.workers.onExit((id) => parts.timers.after(RESTART_AFTER_MS, () => void this.#restart(id)))
  }

  /** Workers that were there before this daemon: the living are left alone, the dead are started again. */
  async open(): Promise<void> {
    for (const spec of this.parts.workers.list()) {
      this.#wanted.add(spec.id)
      await this.parts.workers.start({ ...spec, ...settingsFor(this.parts) })
    }
  }

  async #restart(id: string): Promise<void> {
    const spec = this.parts.workers.list().find((known) => known.id === id)
    if (!this.#wanted.has(id) || spec === undefined || (await this.parts.workers.running(id))) return
    this.parts.timeline.record({
      vm: spec.vm,
      act: 'worker-restarted',
      rule: 'worker-ended',
      text: 'The worker process ended and was started again.',
      evidence: { worker: id },
    })
    await this.parts.workers.start(spec)
  }

  /** Workers of an earlier daemon are nobody's children: they are looked at instead of waited for. */
  async upkeep(): Promise<void> {
    for (const id of this.#wanted) await this.#restart(id)
    await this.#settings.turn(this.specs())
  }

  specs(): readonly WorkerSpec[] {
    return this.parts.workers.list()
  }

  has(id: string): boolean {
    return this.#wanted.has(id)
  }

  specOf(id: string): WorkerSpec | undefined {
    return this.parts.workers.list().find((spec) => spec.id === id)
  }

  async start(spec: WorkerSpec): Promise<void> {
    this.#wanted.add(spec.id)
    await this.parts.workers.start(spec)
  }

  async remove(id: string): Promise<void> {
    this.#wanted.delete(id)
    this.#ports.delete(id)
    for (const { key } of this.specOf(id)?.volumes ?? []) this.parts.fronts.release(key)
    await this.parts.workers.remove(id)
  }

  /** One after the other with whatever else is done so with that worker. */
  async alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#lanes.get(id) ?? Promise.resolve()
    const done = before.then(work)
    const settled = done.then(
      () => undefined,
      () => undefined,
    )
    this.#lanes.set(id, settled)
    try {
      return await done
    } finally {
      if (this.#lanes.get(id) === settled) this.#lanes.delete(id)
    }
  }

  /** Ends the worker of an unprotected VM or volume whose disks nobody has. Attaching is done `alone`, so that nobody gets one meanwhile. */
  async endIfUnused(id: string, statusOf: () => Promise<WorkerStatus | null>): Promise<void> {
    await this.alone(id, async () => {
      const status = await statusOf()
      if (status?.role === 'solo' && status.volumes.every(({ attachedTo }) => attachedTo === null)) await this.remove(id)
    })
  }

  /** Waits through a restart of the worker. */
  async ask<F extends keyof WorkerApi>(
    id: string,
    fn: F,
    ask: WorkerApi[F]['ask'],
    limitMs = ASK_LIMIT_MS,
  ): Promise<WorkerApi[F]['answer']> {
    const untilMs = this.parts.clock.nowMs() + limitMs
    for (;;) {
      try {
        return await this.parts.workers.ask(id, fn, ask, Math.max(1, untilMs - this.parts.clock.nowMs()))
      } catch (error) {
        const code = systemCode(error)
        if (!GONE.has(code)) throw error
        if (this.parts.clock.nowMs() + 50 >= untilMs)
          throw new Refusal('HOLDFAST_TIMED_OUT', {
            seconds: Math.round(limitMs / 1000),
            reason: `The worker ${id} does not answer (${code}).`,
          })
        await this.parts.timers.pause(50)
      }
    }
  }

  /** Null when the worker does not answer at once. */
  async status(id: string): Promise<WorkerStatus | null> {
    try {
      return await this.parts.workers.ask(id, 'status', {}, STATUS_LIMIT_MS)
    } catch (error) {
      if (error instanceof Refusal || systemCode(error) !== '') return null
      throw error
    }
  }

  soloSpec(id: string, records: readonly VolumeRecord[]): WorkerSpec {
    const { config, host } = this.parts
    return {
      ...{ format: 1, id, pool: config.pool, host, vm: null, poolKeyFile: PATHS.poolKey },
      ...settingsFor(this.parts),
      timelineFile: `${PATHS.timeline}/worker-${id}.jsonl`,
      volumes: records.map((record) => ({
        key: record.key,
        sizeBytes: record.sizeBytes,
        path: this.catalogue.storeOf(record).imagePath(record.key),
      })),
      listen: null,
      peer: null,
      attached: {},
    }
  }

  /** Keeps what a running worker already has: its port, its peer, whom it serves. */
  pairSpec(vm: VmUuid, records: readonly VolumeRecord[], peer: PeerAddress | null): WorkerSpec {
    const known = this.specOf(vm)
    return {
      ...this.soloSpec(vm, records),
      vm,
      listen: { port: known?.listen?.port ?? this.#portFor(vm), addresses: addressesOf(this.parts, this.parts.host) },
      peer: peer ?? known?.peer ?? null,
      attached: known?.attached ?? {},
      lockstep: wantedLockstep(this.parts, vm, records, known?.lockstep),
    }
  }

  /** Two workers that are started at the same time get one each. */
  #portFor(vm: VmUuid): number {
    const port = this.#ports.get(vm) ?? this.#freePort()
    this.#ports.set(vm, port)
    return port
  }

  #freePort(): number {
    const taken = new Set([...this.#ports.values(), ...this.specs().map(({ listen }) => listen?.port)])
    const ports = Array.from({ length: PORTS.peerLast - PORTS.peerFirst + 1 }, (_, index) => PORTS.peerFirst + index)
    const free = ports.find((port) => !taken.has(port))
    if (free !== undefined) return free
    throw new Refusal('HOLDFAST_NO_SECONDARY', {
      vm: 'this VM',
      reason: 'all two hundred replication ports of this host are taken',
    })
  }
}

/** By shape: errors of the system may come from another realm. */
const systemCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''

/** A-links first, management as the last resort. */
export function addressesOf({ config }: HostParts, host: HostUuid): string[] {
  const known = config.hosts[host]
  return known === undefined ? [] : [...known.alinks, known.management]
}

import { must } from '../../core/domain/assert'
import { BLOCK_BYTES } from '../../core/mirror/dirty-bitmap'
import type { GuestRequest, Members, MirrorEffect, MirrorEvent, Side } from '../../core/mirror/events'
import { SIDES } from '../../core/mirror/events'
import { Mirror } from '../../core/mirror/mirror'
import type { DiskExport, DiskReply, DiskRequest } from '../../ports/disk-export'
import type { StoredReplica } from '../../ports/replica-store'
import type { ResyncProgress } from '../../wire/daemon-api'
import type { PeerFrame } from '../../wire/peer'
import type { WorkerVolume, WorkerVolumeStatus } from '../../wire/worker-api'
import type { WorkerParts } from './parts'
import { ResyncMeter } from './resync-meter'

/** What a disk asks of the worker around it. */
export interface DiskNeeds {
  /** Null while the peer is not connected. */
  readonly sendPeer: (frame: PeerFrame) => void
  readonly nextSeq: (disk: Disk, op: number) => number
  readonly term: () => number
  /** Called before anything is started or answered: a process that stood still may hold a lease that is over. */
  readonly checkLease: () => void
  readonly propose: (volume: WorkerVolume, members: Members) => void
  readonly note: (volume: WorkerVolume, effect: Extract<MirrorEffect, { do: 'note' }>) => void
  readonly hostOf: (side: Side) => string
}

/** How often a failed local replica is tried again. */
const PROBE_EVERY_MS = 2000
/** Linux numbers of what replicas fail with; anything else reaches the guest as EIO. */
const ERRNO: Readonly<Record<string, number>> = { EIO: 5, ENOMEM: 12, EINVAL: 22, ENOSPC: 28 }

/** One disk on its primary: the mirror machine, the local replica, the NBD export, and the way to the peer. */
export class Disk {
  readonly #mirror: Mirror
  #local: StoredReplica | null = null
  #export: (DiskExport & { readonly socket: string }) | null = null
  readonly #replies = new Map<number, (reply: DiskReply) => void>()
  #nextRequest = 1
  #failedAtMs: number | null = null
  #probing = false
  #meter: { side: Side; meter: ResyncMeter } | null = null
  attachedTo: string | null = null
  active = false

  constructor(
    readonly volume: WorkerVolume,
    /** Index in hello's list. */
    readonly index: number,
    listed: Members,
    private readonly parts: WorkerParts,
    private readonly needs: DiskNeeds,
  ) {
    this.#mirror = new Mirror(volume.sizeBytes, listed)
  }

  apply(event: MirrorEvent): void {
    for (const effect of this.#mirror.apply(event)) this.#run(effect)
  }

  /** Opens the local replica; one that cannot be opened is a failed one, and the peer's serves if the claim lists it. */
  async openLocal(): Promise<void> {
    try {
      this.#local = await this.parts.openReplica(this.volume, false)
    } catch (error) {
      this.#localFailed(errorCode(error))
      return
    }
    this.apply(this.#localUp(this.#local))
  }

  #localUp(replica: StoredReplica): MirrorEvent {
    return { on: 'replica-up', side: 'local', identity: replica.metadata.replica, incarnation: 'this-process', sound: true }
  }

  #localFailed(error: string): void {
    this.#failedAtMs = this.parts.clock.nowMs()
    this.apply({ on: 'replica-down', side: 'local', error })
  }

  get replicas(): Mirror['replicas'] {
    return this.#mirror.replicas
  }

  get stalled(): boolean {
    return this.#mirror.stalled
  }

  /** The export, made when first asked for. */
  async attach(domain: string): Promise<string> {
    this.#export ??= await this.parts.serveDisk(this.volume.key, this.volume.sizeBytes, (request, reply) =>
      this.#request(request, reply),
    )
    this.attachedTo = domain
    return this.#export.socket
  }

  async detach(): Promise<void> {
    const served = this.#export
    this.#export = null
    this.attachedTo = null
    this.active = false
    await served?.close()
  }

  async close(): Promise<void> {
    await this.detach()
    await this.#local?.close()
    this.#local = null
  }

  #request(request: DiskRequest, reply: (reply: DiskReply) => void): void {
    this.needs.checkLease()
    const id = this.#nextRequest++
    this.#replies.set(id, reply)
    this.apply({ on: 'request', id, request: guestRequest(request) })
  }

  peerDone(op: number, error: string, data?: Buffer): void {
    this.#done('peer', op, error, data)
  }

  #done(side: Side, op: number, error: string, data?: Buffer): void {
    this.needs.checkLease()
    this.apply({ on: 'done', side, op, error, ...(data === undefined ? {} : { data }) })
  }

  #run(effect: MirrorEffect): void {
    switch (effect.do) {
      case 'io':
        if (effect.side === 'peer') this.needs.sendPeer(this.#frame(this.needs.nextSeq(this, effect.op), effect.request))
        else this.#localIo(effect.op, effect.request)
        break
      case 'reply': {
        const reply = must(this.#replies.get(effect.id), 'each request is answered once')
        this.#replies.delete(effect.id)
        const error = effect.error === '' ? 0 : (ERRNO[effect.error] ?? 5)
        reply({ error, ...(effect.data === undefined ? {} : { data: effect.data }) })
        break
      }
      case 'propose':
        this.needs.propose(this.volume, effect.members)
        break
      case 'note':
        this.#noted(effect)
        break
    }
  }

  #noted(effect: Extract<MirrorEffect, { do: 'note' }>): void {
    if (effect.act === 'resync-started') {
      const total = this.#mirror.replicas[effect.side].dirty.count * BLOCK_BYTES
      this.#meter = { side: effect.side, meter: new ResyncMeter(this.needs.hostOf(effect.side), total) }
    }
    if (effect.side === 'local' && effect.act === 'replica-failed') this.#failedAtMs = this.parts.clock.nowMs()
    this.needs.note(this.volume, effect)
  }

  #frame(seq: number, request: GuestRequest): PeerFrame {
    const common = { seq, volume: this.index, term: this.needs.term() }
    switch (request.kind) {
      case 'read':
        return { type: 'read', ...common, offset: request.offset, length: request.length }
      case 'write':
        return { type: 'write', ...common, offset: request.offset, data: request.data, fua: request.fua }
      case 'zero':
        return {
          type: 'zero',
          ...common,
          offset: request.offset,
          length: request.length,
          punch: request.punch,
          fua: request.fua,
        }
      case 'flush':
        return { type: 'flush', ...common }
    }
  }

  #localIo(op: number, request: GuestRequest): void {
    const replica = must(this.#local, 'a usable replica is open')
    performIo(replica.device, request).then(
      (data) => this.#done('local', op, '', data),
      (error: unknown) => this.#done('local', op, errorCode(error)),
    )
  }

  tick(nowMs: number): void {
    const { state } = this.#mirror.replicas.local
    if (this.#probing || (state !== 'absent' && state !== 'out')) return
    if (this.#failedAtMs === null || nowMs < this.#failedAtMs + PROBE_EVERY_MS) return
    this.#failedAtMs = nowMs
    this.#probing = true
    void this.#probe().finally(() => (this.#probing = false))
  }

  /** Is the disk back? Only a replica that the claim does not list is written to, and only with what it holds. */
  async #probe(): Promise<void> {
    try {
      await this.#local?.close()
      this.#local = null
      // A replaced disk has no replica: one is made, and resynced whole. While the claim lists ours, only the old one will do.
      const listed = this.#mirror.replicas.local.binding
      const replica = await this.parts.openReplica(this.volume, !listed)
      this.#local = replica
      const block = Buffer.alloc(Math.min(4096, this.volume.sizeBytes))
      await replica.device.read(0, block)
      if (!listed) await replica.device.write(0, block)
      await replica.device.flush()
      this.apply(this.#localUp(replica))
    } catch (error) {
      this.parts.log.debug('local replica still fails', { volume: this.volume.key, error: errorCode(error) })
    }
  }

  async saveLocal(change: Parameters<StoredReplica['save']>[0]): Promise<void> {
    try {
      await this.#local?.save(change)
    } catch (error) {
      this.parts.log.warn('replica metadata not written', { volume: this.volume.key, error: errorCode(error) })
    }
  }

  resync(nowMs: number): ResyncProgress | null {
    if (this.#meter === null) return null
    const { side, meter } = this.#meter
    const replica = this.#mirror.replicas[side]
    if (replica.state === 'resyncing' || replica.state === 'joining') return meter.look(replica.dirty.count * BLOCK_BYTES, nowMs)
    if (replica.state === 'member') this.#meter = null
    return null
  }

  status(nowMs: number): WorkerVolumeStatus {
    const { state } = this.#mirror.replicas.local
    return {
      key: this.volume.key,
      localReplica: state === 'member' ? 'up-to-date' : state === 'absent' || state === 'out' ? 'failed' : 'inconsistent',
      resync: this.resync(nowMs),
      attachedTo: this.attachedTo,
    }
  }

  /** Both replicas are members: a second fault would be survived. */
  get redundant(): boolean {
    return SIDES.every((side) => this.#mirror.replicas[side].state === 'member')
  }
}

function guestRequest(request: DiskRequest): GuestRequest {
  const { kind, offset, length, fua, punch } = request
  switch (kind) {
    case 'read':
      return { kind, offset, length }
    case 'write':
      return { kind, offset, length, data: must(request.data, 'a write brings data'), fua }
    case 'trim':
      return { kind: 'zero', offset, length, punch: true, fua }
    case 'zero':
      return { kind, offset, length, punch, fua }
    case 'flush':
      return { kind, offset: 0, length: 0 }
  }
}

/** One request on one replica; the answer of a read is its data. */
export async function performIo(device: StoredReplica['device'], request: GuestRequest): Promise<Buffer | undefined> {
  switch (request.kind) {
    case 'read': {
      const data = Buffer.allocUnsafe(request.length)
      await device.read(request.offset, data)
      return data
    }
    case 'write':
      await device.write(request.offset, request.data)
      break
    case 'zero':
      await device.zero(request.offset, request.length, request.punch)
      break
    case 'flush':
      await device.flush()
      return undefined
  }
  if (request.fua) await device.flush()
  return undefined
}

/** By shape, not by class: errors of the system may come from another realm. */
export const errorCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : 'EIO'

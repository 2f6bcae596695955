import { InvariantViolation, must } from '../../core/domain/assert'
import { DirtyBitmap } from '../../core/domain/dirty-bitmap'
import { isChange, type Hint, type Presence, type ReplicaRequest } from '../../core/domain/replica-request'
import type { KeeperEffect, KeeperEvent } from '../../core/replica/events'
import { Keeper } from '../../core/replica/keeper'
import type { BlockDevice } from '../../ports/block-device'
import type { StoredReplica } from '../../ports/replica-store'
import type { WorkerVolume } from '../../wire/worker-api'
import type { WorkerParts } from './parts'

/** `error` is '' or the system's code. */
export type Done = (error: string, data?: Buffer) => void

interface Asked {
  readonly request: ReplicaRequest
  readonly done: Done
  /** When the device was asked; see tick(). */
  sinceMs: number
}

/** A replica that is silent for so long has failed; the other one serves. Longer than a busy disk's slowest flush. */
export const HANG_LIMIT_MS = 5000

/** One open replica on this host: its device, behind the keeper that notes what may differ before anything changes. */
export class Seat {
  readonly #keeper: Keeper
  readonly #onDevice = new Map<number, Asked>()
  readonly #waiting = new Map<number, Asked>()
  #lastId = 0
  #nowMs: number
  #savingSinceMs: number | null = null
  #savesUnderWay = 0
  #bootDue = false
  #ready: (() => void)[] = []
  #quiet: (() => void)[] = []
  #failed = ''

  private constructor(
    private readonly stored: StoredReplica,
    private readonly parts: WorkerParts,
    /** The device failed in this process before: what it had cached may be gone. */
    private cacheLost: boolean,
    private readonly onFailed: (error: string) => void,
  ) {
    const { sizeBytes, state, generations } = stored.metadata
    this.#keeper = new Keeper({ sizeBytes, state, generations, tracking: stored.tracking })
    this.#nowMs = parts.clock.nowMs()
  }

  /** Resolves when its notes are in order. Rejects with the system's error. `incarnation`: see Presence. */
  static async open(
    volume: WorkerVolume,
    create: boolean,
    parts: WorkerParts,
    options: { readonly cacheLost: boolean; readonly onFailed: (error: string) => void },
  ): Promise<Seat> {
    const stored = await parts.openReplica(volume, create)
    const { metadata, tracking } = stored
    const cacheLost = options.cacheLost || (metadata.boot !== parts.boot && (tracking === 'lost' || tracking.hot.length > 0))
    const seat = new Seat(stored, parts, cacheLost, options.onFailed)
    await seat.newPrimary()
    if (seat.#failed !== '') throw Object.assign(new Error('the replica failed while it was opened'), { code: seat.#failed })
    return seat
  }

  get metadata(): StoredReplica['metadata'] {
    return this.stored.metadata
  }

  get state(): StoredReplica['metadata']['state'] {
    return this.#keeper.state
  }

  get device(): BlockDevice {
    return this.stored.device
  }

  presence(incarnation: string): Presence {
    const { state, generations } = this.#keeper
    return { identity: this.stored.metadata.replica, incarnation, state, generations, cacheKept: !this.cacheLost }
  }

  /** A copy: the blocks in which this replica may differ from the other one. */
  bits(): DirtyBitmap {
    const bits = new DirtyBitmap(this.#keeper.bits.sizeBytes)
    bits.merge(this.#keeper.bits)
    return bits
  }

  /** `done` is called once, unless the replica fails: then `onFailed` is told instead. */
  perform(seq: number, request: ReplicaRequest, done: Done): void {
    if (this.#failed !== '') {
      done(this.#failed)
      return
    }
    const id = ++this.#lastId
    const asked = { request, done, sinceMs: 0 }
    const free = isChange(request) ? this.#keeper.admits(request.offset, request.length, seq) : request.kind !== 'mark'
    if (free) this.#perform(id, asked)
    else {
      if (request.kind === 'mark' && request.mark.bits === 'none') this.#bootDue = true
      this.#waiting.set(id, asked)
      this.#apply({ on: 'ask', id, seq, request })
    }
  }

  hint(hint: Hint): void {
    this.#apply({ on: 'hint', hint })
  }

  /** Resolves when what an older primary left open is in the bitmap. */
  newPrimary(): Promise<void> {
    return new Promise((resolve) => {
      this.#ready.push(resolve)
      this.#apply({ on: 'new-primary' })
    })
  }

  /** Resolves when nothing that was asked is still on its way to the device; what waits is given up. */
  linkLost(): Promise<void> {
    this.#apply({ on: 'link-lost' })
    return this.#untilQuiet()
  }

  idle(): void {
    this.#apply({ on: 'idle' })
  }

  async saveTerm(term: number): Promise<void> {
    try {
      await this.stored.save({ term })
    } catch (error) {
      this.#fail(errorCode(error))
    }
  }

  /** A device that has not answered for too long has failed. */
  tick(nowMs: number, hangs: boolean): void {
    this.#nowMs = nowMs
    if (!hangs || this.#failed !== '') return
    const [oldest] = this.#onDevice.values()
    const sinceMs = Math.min(oldest?.sinceMs ?? nowMs, this.#savingSinceMs ?? nowMs)
    if (nowMs - sinceMs > HANG_LIMIT_MS) this.#fail('ETIMEDOUT')
  }

  /** What was asked before may still reach the device, so it is closed only afterwards: nothing may overtake a successor. */
  async close(): Promise<void> {
    this.#failed ||= 'ESHUTDOWN'
    await this.#untilQuiet()
    await this.stored.close()
  }

  #untilQuiet(): Promise<void> {
    if (this.#isQuiet) return Promise.resolve()
    return new Promise((resolve) => this.#quiet.push(resolve))
  }

  get #isQuiet(): boolean {
    return this.#onDevice.size === 0 && this.#savesUnderWay === 0
  }

  #apply(event: KeeperEvent): void {
    if (this.#failed !== '') {
      this.#settleReady()
      return
    }
    for (const effect of this.#keeper.apply(event)) this.#run(effect)
  }

  #run(effect: KeeperEffect): void {
    switch (effect.do) {
      case 'perform':
        this.#perform(effect.id, this.#take(effect.id))
        break
      case 'marked':
        this.#take(effect.id).done('')
        break
      case 'cancel':
        this.#take(effect.id)
        break
      case 'ready':
        this.#settleReady()
        break
      case 'save-hot':
        this.#save(this.stored.saveHot(effect.extents))
        break
      case 'save-pages':
        this.#save(this.stored.savePages(effect.pages))
        break
      case 'save-head':
        this.#save(this.stored.save({ ...effect.change, ...(this.#bootDue ? { boot: this.parts.boot } : {}) }))
        if (this.#bootDue) this.cacheLost = false
        this.#bootDue = false
        break
    }
  }

  #settleReady(): void {
    for (const ready of this.#ready.splice(0)) ready()
  }

  #take(id: number): Asked {
    const asked = must(this.#waiting.get(id), 'a request waits until it is performed')
    this.#waiting.delete(id)
    return asked
  }

  #save(saving: Promise<void>): void {
    this.#savingSinceMs = this.#nowMs
    this.#savesUnderWay++
    const ended = (error: string): void => {
      this.#savingSinceMs = null
      this.#savesUnderWay--
      if (error === '') this.#apply({ on: 'saved' })
      else this.#fail(error)
      this.#settleQuiet()
    }
    saving.then(
      () => ended(''),
      (error: unknown) => ended(errorCode(error)),
    )
  }

  #perform(id: number, asked: Asked): void {
    asked.sinceMs = this.#nowMs
    this.#onDevice.set(id, asked)
    this.#begin(asked.request).then(
      (data) => this.#performed(id, asked, '', Buffer.isBuffer(data) ? data : undefined),
      (error: unknown) => this.#performed(id, asked, errorCode(error)),
    )
  }

  #performed(id: number, asked: Asked, error: string, data?: Buffer): void {
    this.#onDevice.delete(id)
    if (this.#failed === '') {
      asked.done(error, data)
      if (error !== '') this.#fail(error)
    }
    this.#settleQuiet()
  }

  #settleQuiet(): void {
    if (this.#quiet.length === 0 || !this.#isQuiet) return
    for (const resolve of this.#quiet.splice(0)) resolve()
  }

  #fail(error: string): void {
    if (this.#failed !== '') return
    this.#failed = error
    this.#waiting.clear()
    this.#settleReady()
    this.onFailed(error)
  }

  /** No more promises than the device makes: this is on the way of every write. */
  #begin(request: ReplicaRequest): Promise<unknown> {
    const { device } = this.stored
    switch (request.kind) {
      case 'read': {
        const data = request.room?.() ?? Buffer.allocUnsafe(request.length)
        return device.read(request.offset, data).then(() => data)
      }
      case 'hash': {
        const data = Buffer.allocUnsafe(request.length)
        return device.read(request.offset, data).then(() => this.parts.digest(data))
      }
      case 'write': {
        const written = device.write(request.offset, request.data)
        return request.fua ? written.then(() => device.flush()) : written
      }
      case 'zero': {
        const zeroed = device.zero(request.offset, request.length, request.punch)
        return request.fua ? zeroed.then(() => device.flush()) : zeroed
      }
      case 'flush':
        return device.flush()
      case 'mark':
        throw new InvariantViolation('a mark is not for the device')
    }
  }
}

/** By shape, not by class: errors of the system may come from another realm. One without a system's code is a bug, and goes up. */
export function errorCode(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' && isSystems(error.code))
    return error.code
  throw error
}

/** Node's own complaints about how it is called begin with ERR_. */
const isSystems = (code: string): boolean => !code.startsWith('ERR_')

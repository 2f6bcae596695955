import { must } from '../../core/domain/assert'
import { DirtyBitmap } from '../../core/domain/dirty-bitmap'
import { isChange, type Hint, type Presence, type ReplicaRequest } from '../../core/domain/replica-request'
import type { KeeperEffect, KeeperEvent } from '../../core/replica/events'
import { Keeper } from '../../core/replica/keeper'
import type { BlockDevice } from '../../ports/block-device'
import type { HeadChange, StoredReplica } from '../../ports/replica-store'
import type { WorkerVolume } from '../../wire/worker-api'
import { askDevice } from './disk/device-request'
import type { WorkerParts } from './parts'
import { UnderWay } from './under-way'

/** `error` is '' or the system's code. */
export type Done = (error: string, data?: Buffer) => void

interface Asked {
  readonly request: ReplicaRequest
  readonly done: Done
  readonly mayWait: boolean
  sinceMs: number
  place: number
}

/** A replica that is silent for so long has failed; the other one serves. Longer than a busy disk's slowest flush. */
export const HANG_LIMIT_MS = 5000

export interface SeatOptions {
  /** The device failed in this process before: what it had cached may be gone. */
  readonly hasFailed: boolean
  /** Called once, also while it is being opened; open() rejects then as well. */
  readonly onFailed: (error: string) => void
}

/** One open replica on this host: its device, behind the keeper that notes what may differ before anything changes. */
export class Seat {
  readonly #keeper: Keeper
  /** Requests and saves. */
  readonly #underWay: UnderWay
  readonly #waiting = new Map<number, Asked>()
  #lastId = 0
  #bootDue = false
  #ready: (() => void)[] = []
  #quiet: (() => void)[] = []
  /** Of those who need not wait any more when the replica fails. */
  readonly #released = new Set<() => void>()
  #failed = ''
  #cacheLost: boolean
  #hasFailed: boolean

  private constructor(
    private readonly stored: StoredReplica,
    private readonly parts: WorkerParts,
    private readonly options: SeatOptions,
  ) {
    const { sizeBytes, state, generations, boot } = stored.metadata
    const { tracking } = stored
    this.#keeper = new Keeper({ sizeBytes, state, generations, tracking })
    this.#underWay = new UnderWay(parts.clock.nowMs())
    // Opened before and not compared since, it has the blocks of its log in the bitmap.
    const unsettled = tracking === 'lost' || tracking.hot.length > 0 || tracking.pages.size > 0
    this.#hasFailed = options.hasFailed
    this.#cacheLost = options.hasFailed || boot === '' || (boot !== parts.boot && unsettled)
  }

  /** Resolves when its notes are in order. Rejects with the system's error. `incarnation`: see Presence. */
  static async open(volume: WorkerVolume, create: boolean, parts: WorkerParts, options: SeatOptions): Promise<Seat> {
    const stored = await parts.openReplica(volume, create)
    const seat = new Seat(stored, parts, options)
    // That a cache was lost must outlive the log that tells what was in it, and which is about to be emptied.
    const boot = seat.#cacheLost ? '' : parts.boot
    if (stored.metadata.boot !== boot) await seat.#saveHead({ boot })
    await seat.newPrimary()
    const failed = seat.#failed
    if (failed === '') return seat
    await seat.close()
    throw Object.assign(new Error('the replica failed while it was opened'), { code: failed })
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
    return { identity: this.stored.metadata.replica, incarnation, state, generations, cacheKept: !this.#cacheLost }
  }

  /** Its device failed in this process, and what that lost has not been copied to it since. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** A copy: the blocks in which this replica may differ from the other one. */
  bits(): DirtyBitmap {
    const bits = new DirtyBitmap(this.#keeper.bits.sizeBytes)
    bits.merge(this.#keeper.bits)
    return bits
  }

  /** `done` is called once, unless the replica fails: then `onFailed` is told instead. `mayWait`: see BlockDevice. */
  perform(seq: number, request: ReplicaRequest, done: Done, mayWait = false): void {
    if (this.#failed !== '') {
      done(this.#failed)
      return
    }
    const id = ++this.#lastId
    const asked = { request, done, mayWait, sinceMs: 0, place: 0 }
    const free = isChange(request) ? this.#keeper.admits(request.offset, request.length, seq) : request.kind !== 'mark'
    if (free) this.#perform(asked)
    else {
      if (request.kind === 'mark' && request.mark.bits === 'none') this.#bootDue = true
      this.#waiting.set(id, asked)
      this.#apply({ on: 'ask', id, seq, request })
    }
  }

  /** Whatever the device has done is told now. `hurry`: and then whatever it does next. */
  collect(hurry: boolean): void {
    this.stored.device.collect?.(hurry)
  }

  hint(hint: Hint): void {
    this.#apply({ on: 'hint', hint })
  }

  /** Resolves when what an older primary left open is in the bitmap. */
  newPrimary(): Promise<void> {
    return this.#unlessFailed((ready) => {
      this.#ready.push(ready)
      this.#apply({ on: 'new-primary' })
    })
  }

  /**
   * Resolves when nothing that was asked is still on its way to the device, or the replica has failed and gets nothing more; what
   * waits is given up.
   */
  linkLost(): Promise<void> {
    this.#apply({ on: 'link-lost' })
    return this.#unlessFailed((quiet) => this.#whenQuiet(quiet))
  }

  idle(): void {
    this.#apply({ on: 'idle' })
  }

  /** Resolves also when the replica fails by it. */
  saveTerm(term: number): Promise<void> {
    return this.#saveHead({ term })
  }

  /** A device that has not answered for too long has failed. */
  tick(nowMs: number, hangs: boolean): void {
    const silentMs = this.#underWay.tick(nowMs)
    if (hangs && silentMs > HANG_LIMIT_MS) this.#fail('ETIMEDOUT')
  }

  /** What was asked before may still reach the device, so it is closed only afterwards: nothing may overtake a successor. */
  async close(): Promise<void> {
    this.#failed ||= 'ESHUTDOWN'
    this.#release()
    await new Promise<void>((quiet) => this.#whenQuiet(quiet))
    await this.stored.close()
  }

  /** Resolves when `begin` says so, or the replica fails. */
  #unlessFailed(begin: (done: () => void) => void): Promise<void> {
    if (this.#failed !== '') return Promise.resolve()
    return new Promise((resolve) => {
      this.#released.add(resolve)
      begin(() => {
        this.#released.delete(resolve)
        resolve()
      })
    })
  }

  #release(): void {
    for (const release of this.#released) release()
    this.#released.clear()
  }

  #whenQuiet(quiet: () => void): void {
    if (this.#underWay.isEmpty) quiet()
    else this.#quiet.push(quiet)
  }

  #settleQuiet(): void {
    if (this.#quiet.length === 0 || !this.#underWay.isEmpty) return
    for (const quiet of this.#quiet.splice(0)) quiet()
  }

  #apply(event: KeeperEvent): void {
    if (this.#failed !== '') return
    for (const effect of this.#keeper.apply(event)) this.#run(effect)
  }

  #run(effect: KeeperEffect): void {
    switch (effect.do) {
      case 'perform':
        this.#perform(this.#take(effect.id))
        break
      case 'marked':
        this.#take(effect.id).done('')
        break
      case 'cancel':
        this.#take(effect.id)
        break
      case 'ready':
        for (const ready of this.#ready.splice(0)) ready()
        break
      case 'save-hot':
        this.#save(this.stored.saveHot(effect.extents), this.#saved)
        break
      case 'save-pages':
        this.#save(this.stored.savePages(effect.pages), this.#saved)
        break
      case 'save-head':
        this.#save(this.stored.save({ ...effect.change, ...(this.#bootDue ? { boot: this.parts.boot } : {}) }), this.#saved)
        if (this.#bootDue) this.#cacheLost = this.#hasFailed = false
        this.#bootDue = false
        break
    }
  }

  readonly #saved = (): void => this.#apply({ on: 'saved' })

  #take(id: number): Asked {
    const asked = must(this.#waiting.get(id), 'a request waits until it is performed')
    this.#waiting.delete(id)
    return asked
  }

  #saveHead(change: HeadChange): Promise<void> {
    return this.#unlessFailed((saved) => this.#save(this.stored.save(change), saved))
  }

  #save(saving: Promise<void>, saved: () => void): void {
    const save = { sinceMs: 0, place: 0 }
    this.#underWay.begin(save)
    const ended = (error: string): void => {
      this.#underWay.end(save)
      if (error === '') saved()
      else this.#fail(error)
      this.#settleQuiet()
    }
    saving.then(
      () => ended(''),
      (error: unknown) => ended(errorCode(error)),
    )
  }

  #perform(asked: Asked): void {
    this.#underWay.begin(asked)
    askDevice(this.stored.device, this.parts.digest, asked.request, asked.mayWait).then(
      (data) => this.#performed(asked, '', Buffer.isBuffer(data) ? data : undefined),
      (error: unknown) => this.#performed(asked, errorCode(error)),
    )
  }

  #performed(asked: Asked, error: string, data?: Buffer): void {
    this.#underWay.end(asked)
    if (this.#failed === '') {
      asked.done(error, data)
      if (error !== '') this.#fail(error)
    }
    this.#settleQuiet()
  }

  #fail(error: string): void {
    if (this.#failed !== '') return
    this.#failed = error
    this.#waiting.clear()
    // A later process must know it, too. A disk that cannot keep even this fails once more, and there is nothing to add.
    this.#save(this.stored.save({ boot: '' }), () => undefined)
    this.#release()
    this.options.onFailed(error)
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

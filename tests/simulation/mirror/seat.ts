import { DirtyBitmap } from '../../../lib/core/domain/dirty-bitmap'
import type { Hint, Presence, ReplicaRequest } from '../../../lib/core/domain/replica-request'
import type { KeeperEffect, KeeperEvent } from '../../../lib/core/replica/events'
import { Keeper } from '../../../lib/core/replica/keeper'
import { bufferOf, cellsOf } from '../../world/cells'
import type { Life } from '../../world/schedule'
import { cellRange, digests } from './cell-range'
import { must } from './must'
import { isMarked, type Noted } from './notes'
import type { Store } from './store'
import type { World } from './world'

export type Done = (error: string, data?: Buffer) => void

interface Asked {
  readonly request: ReplicaRequest
  readonly done: Done
  sinceMs: number
}

/** Simulated milliseconds after which a silent replica has failed. */
const HANG_LIMIT_MS = 1200

/** An open replica on its host: the store behind the keeper that notes what may differ before anything changes. */
export class Seat {
  readonly #keeper: Keeper
  readonly #waiting = new Map<number, Asked>()
  readonly #onDisk = new Map<number, Asked>()
  #lastId = 0
  #saves = 0
  #bootDue = false
  #ready: (() => void)[] = []
  #quiet: (() => void)[] = []
  #failed = ''
  #isOpen = false
  readonly #era: number

  private constructor(
    private readonly world: World,
    private readonly life: Life,
    private readonly store: Store,
    private readonly boot: string,
    private readonly noted: Noted,
    private cacheLost: boolean,
    private failedBefore: boolean,
    private readonly onFailed: (error: string) => void,
  ) {
    this.#era = store.era
    const { trackingLost } = store.notes
    const { state, generations, hot, pages } = noted
    const tracking = trackingLost ? 'lost' : { hot, pages }
    this.#keeper = new Keeper({ sizeBytes: world.plan.sizeBytes, state, generations, tracking }, world.plan.hotExtents)
    if (trackingLost) world.probe('tracking-lost')
    world.say(() => `${store.host} is opened${cacheLost ? ', cache lost' : ''}: ${store.notes.text}`)
  }

  /** `came` gets the seat, or the system's code. What an earlier process asked of the disk has ended by then. */
  static open(
    world: World,
    life: Life,
    store: Store,
    options: {
      readonly create: boolean
      readonly boot: string
      readonly hasFailed: boolean
      readonly onFailed: (error: string) => void
      readonly came: (seat: Seat | string) => void
    },
  ): void {
    const { schedule, dice, plan } = world
    store.disk.whenQuiet(() =>
      schedule.after(
        dice.fraction() * plan.notesMs,
        () => {
          const { disk, notes } = store
          const trouble =
            disk.trouble !== 'none' || disk.hangs ? 'EIO' : notes.noted === null && !options.create ? 'ENOENT' : null
          if (trouble !== null) {
            options.came(trouble)
            return
          }
          if (notes.noted === null) store.make()
          const noted = must(notes.noted, 'a replica was made')
          const unsettled = notes.trackingLost || noted.hot.length > 0 || isMarked(noted.pages)
          const cacheLost = options.hasFailed || noted.boot === '' || (noted.boot !== options.boot && unsettled)
          const seat = new Seat(world, life, store, options.boot, noted, cacheLost, options.hasFailed, options.onFailed)
          // What is noted of the cache must outlive the log, which is about to be emptied.
          const boot = cacheLost ? '' : options.boot
          if (boot !== noted.boot) seat.#save((before) => ({ ...before, boot }))
          seat.newPrimary(() => {
            if (seat.#failed === '') notes.trackingLost = false
            seat.#isOpen = true
            options.came(seat.#failed === '' ? seat : seat.#failed)
          })
        },
        life,
      ),
    )
  }

  /** A guest may be started from it: it is whole, and its device has lost nothing that was confirmed. */
  get isFit(): boolean {
    return this.#keeper.state === 'up-to-date' && !this.failedBefore
  }

  get term(): number {
    return this.noted.term
  }

  presence(incarnation: string): Presence {
    const { state, generations } = this.#keeper
    return { identity: this.noted.replica, incarnation, state, generations, cacheKept: !this.cacheLost }
  }

  bits(): DirtyBitmap {
    const bits = new DirtyBitmap(this.world.plan.sizeBytes)
    bits.merge(this.#keeper.bits)
    return bits
  }

  perform(seq: number, request: ReplicaRequest, done: Done): void {
    if (this.#failed !== '') {
      done(this.#failed)
      return
    }
    const id = ++this.#lastId
    const asked = { request, done, sinceMs: 0 }
    if (request.kind === 'mark' && request.mark.bits === 'none') this.#bootDue = true
    this.#waiting.set(id, asked)
    this.#apply({ on: 'ask', id, seq, request })
  }

  hint(hint: Hint): void {
    this.#apply({ on: 'hint', hint })
  }

  newPrimary(ready: () => void): void {
    this.#ready.push(ready)
    this.#apply({ on: 'new-primary' })
  }

  /** `quiet` is called when nothing that was asked is on its way any more. */
  linkLost(quiet: () => void): void {
    this.#apply({ on: 'link-lost' })
    if (this.#isQuiet) quiet()
    else this.#quiet.push(quiet)
  }

  idle(): void {
    this.#apply({ on: 'idle' })
  }

  saveTerm(term: number, saved: () => void): void {
    this.#save((noted) => ({ ...noted, term: Math.max(term, noted.term) }), saved, saved)
  }

  tick(): void {
    const [oldest] = this.#onDisk.values()
    if (this.#failed === '' && oldest !== undefined && this.world.schedule.now - oldest.sinceMs > HANG_LIMIT_MS) {
      this.world.probe('replica-hangs')
      this.fail('ETIMEDOUT')
    }
  }

  close(closed: () => void): void {
    this.#failed ||= 'ESHUTDOWN'
    if (this.#isQuiet) closed()
    else this.#quiet.push(closed)
  }

  fail(error: string): void {
    if (this.#failed !== '') return
    this.#failed = error
    this.#waiting.clear()
    const wasOpen = this.#isOpen
    this.#settleReady()
    if (wasOpen) this.onFailed(error)
  }

  get #isQuiet(): boolean {
    return this.#onDisk.size === 0 && this.#saves === 0
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
      case 'marked': {
        const { request, done } = this.#take(effect.id)
        if (request.kind === 'mark' && request.mark.state === 'up-to-date' && request.mark.generations?.bitmap === '')
          this.world.onMoment('told', this.store.host)
        done('')
        break
      }
      case 'cancel':
        this.world.probe('waiting-cancelled')
        this.#take(effect.id)
        break
      case 'ready':
        this.#settleReady()
        break
      case 'save-hot':
        if (this.store.notes.noted?.hot.some((extent) => !effect.extents.includes(extent)) === true)
          this.world.onMoment('turnover', this.store.host)
        this.#save((noted) => ({ ...noted, hot: effect.extents }), this.#saved)
        break
      case 'save-pages':
        this.#save((noted) => ({ ...noted, pages: new Map([...noted.pages, ...effect.pages]) }), this.#saved)
        break
      case 'save-head': {
        const boot = this.#bootDue ? { boot: this.boot } : {}
        this.#save((noted) => ({ ...noted, ...effect.change, ...boot }), this.#saved)
        if (this.#bootDue) this.cacheLost = this.failedBefore = false
        this.#bootDue = false
        break
      }
    }
  }

  readonly #saved = (): void => this.#apply({ on: 'saved' })

  #settleReady(): void {
    for (const ready of this.#ready.splice(0)) ready()
  }

  #settleQuiet(): void {
    if (this.#isQuiet) for (const quiet of this.#quiet.splice(0)) quiet()
  }

  #take(id: number): Asked {
    const asked = must(this.#waiting.get(id), 'a request waits until it is performed')
    this.#waiting.delete(id)
    return asked
  }

  #save(change: (noted: Noted) => Noted, then: () => void = () => undefined, failed?: () => void): void {
    this.#saves++
    const saveIn = this.#isReplaced ? this.#nowhere : this.store.notes.save.bind(this.store.notes)
    saveIn(this.life, change, (error) => {
      this.#saves--
      if (error === '') then()
      else this.fail(error)
      if (error !== '') failed?.()
      this.#settleQuiet()
    })
  }

  #perform(id: number, asked: Asked): void {
    asked.sinceMs = this.world.schedule.now
    this.#onDisk.set(id, asked)
    const { request } = asked
    const performed: Done = (error, data) => this.#performed(id, asked, error, data)
    const { disk } = this.store
    if (this.#isReplaced) this.world.schedule.after(0, () => performed('EIO'), this.life)
    else if (request.kind === 'read' || request.kind === 'hash') {
      const { first, count } = cellRange(request)
      disk.ask({ kind: 'read', first, count }, this.life, (error, cells) => {
        if (cells === undefined) performed(error)
        else performed('', request.kind === 'read' ? bufferOf(cells) : digests(cells))
      })
    } else if (request.kind === 'flush') disk.ask({ kind: 'flush' }, this.life, (error) => performed(error))
    else if (request.kind !== 'mark') {
      const { first, count } = cellRange(request)
      const cells = request.kind === 'write' ? cellsOf(request.data) : new Int32Array(count)
      disk.ask({ kind: 'write', first, cells }, this.life, (error) => {
        if (error === '' && request.fua) disk.ask({ kind: 'flush' }, this.life, (failed) => performed(failed))
        else performed(error)
      })
    }
  }

  get #isReplaced(): boolean {
    return this.store.era !== this.#era
  }

  readonly #nowhere = (life: Life, _: unknown, done: (error: string) => void): void =>
    this.world.schedule.after(0, () => done('EIO'), life)

  #performed(id: number, asked: Asked, error: string, data?: Buffer): void {
    this.#onDisk.delete(id)
    if (this.#failed === '') {
      asked.done(error, data)
      if (error !== '') this.fail(error)
    }
    this.#settleQuiet()
  }
}

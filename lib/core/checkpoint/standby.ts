/**
 * The secondary's side of lockstep: takes epochs in, acknowledges what is complete, writes the disk's changes behind them, and at
 * a take-over goes on from the newest complete one.
 *
 *   none ──begin──> preparing ──prepared──> receiving ──leave──> left
 *     ^                 └────── failed <────────┘ ────leave──────^
 *     └── session, from anywhere
 *
 * From the first cut on the disk's changes are held until their epoch is complete, so that disk and memory are of the same one.
 *
 * Must never: acknowledge what is not complete, or anything once sealed; write a change of an epoch that is not complete while the
 * standby may be loaded; load memory that the claim does not name.
 */
import { assert, unreachable } from '../domain/assert'
import type { Outlook } from '../domain/guest-memory'
import { Aside, ASIDE, type AsideLimits } from './aside'
import { Backlog } from './backlog'
import { IncomingEpochs } from './incoming'
import type { FromPrimary, OfRun, StandbyEffect, StandbyEvent } from './standby-events'
import { WriteLane } from './write-lane'

export interface StandbyLimits {
  readonly aside: AsideLimits
  /** Complete epochs that are not applied; another one is acknowledged when it is at most that far ahead. */
  readonly backlogMax: number
  /** Parts of epochs after the first that are held, complete or not. */
  readonly partBytesMax: number
}

export const STANDBY_LIMITS: StandbyLimits = { aside: ASIDE, backlogMax: 2, partBytesMax: 512e6 }

export type StandbyState = 'none' | 'preparing' | 'receiving' | 'left' | 'failed'

export class Standby<Change> {
  #state: StandbyState = 'none'
  #run = 0
  #sealed = false
  /** What was decided at the take-over and is not done yet. */
  #taking: Outlook | null = null
  #leaving = false
  #holding = false
  readonly #aside: Aside<Change>
  #pressed = false
  #incoming = new IncomingEpochs()
  #backlog = new Backlog()
  readonly #lane = new WriteLane<Change>()
  #out: StandbyEffect<Change>[] = []

  constructor(private readonly limits: StandbyLimits = STANDBY_LIMITS) {
    this.#aside = new Aside<Change>(limits.aside)
  }

  get state(): StandbyState {
    return this.#state
  }

  get run(): number {
    return this.#run
  }

  /** The newest complete epoch; -1 when there is none. */
  get complete(): number {
    return this.#backlog.complete
  }

  outlook(claimed: number | null): Outlook {
    if (claimed === null) return 'restart'
    if (claimed !== this.#run) return 'cannot'
    if (this.#state === 'left') return 'restart'
    return this.#state === 'receiving' && this.complete >= 0 ? 'load' : 'cannot'
  }

  apply(event: StandbyEvent<Change>): readonly StandbyEffect<Change>[] {
    this.#out = []
    switch (event.on) {
      case 'prepared':
        if (this.#state === 'preparing' && event.run === this.#run) this.#prepared(event.error)
        break
      case 'applied':
        if (this.#state === 'receiving' && event.run === this.#run) this.#applied(event.epoch, event.error)
        break
      case 'written':
        this.#lane.written(event.error)
        if (event.error !== '') this.#fail(`the replica failed: ${event.error}`)
        break
      case 'session':
        this.#session()
        break
      case 'seal':
        this.#sealed = true
        this.#lane.insist()
        break
      case 'unseal':
        this.#unseal()
        break
      case 'take-over':
        this.#takeOver(event.claimed)
        break
      case 'begin':
      case 'part':
      case 'cut':
      case 'end':
      case 'leave':
      case 'change':
        // A frame that comes after the seal may be followed by one that does not come: nothing of them counts.
        if (!this.#sealed) this.#told(event)
        break
      default:
        unreachable(event, 'standby')
    }
    this.#upkeep()
    return this.#out
  }

  #told(event: FromPrimary<Change>): void {
    if (event.on === 'change') this.#change(event.change, event.bytes)
    else if (event.on === 'begin') this.#begin(event.run)
    else if (event.run === this.#run) this.#toldOfRun(event)
  }

  #toldOfRun(event: OfRun): void {
    if (event.on === 'leave') this.#leave()
    else if (this.#state === 'receiving') this.#received(event)
  }

  #received(event: Exclude<OfRun, { on: 'leave' }>): void {
    switch (event.on) {
      case 'part':
        this.#incoming.part(event.epoch, event.kind, event.epoch === 0 ? 0 : event.bytes)
        if (this.#incoming.bytes + this.#backlog.bytes > this.limits.partBytesMax) this.#fail('an epoch is too large to be held')
        break
      case 'cut':
        this.#holding = true
        this.#pressed = false
        this.#incoming.cut(event.epoch)
        this.#aside.cut(event.epoch)
        break
      case 'end':
        this.#end(event.epoch, event.parts)
        break
      default:
        unreachable(event, 'standby')
    }
  }

  #begin(run: number): void {
    this.#session()
    this.#state = 'preparing'
    this.#run = run
    this.#out.push({ do: 'prepare', run })
  }

  #prepared(error: string): void {
    if (error !== '') {
      this.#fail(`no standby: ${error}`)
      return
    }
    this.#state = 'receiving'
    this.#out.push({ do: 'begun', run: this.#run })
  }

  #change(change: Change, bytes: number): void {
    if (!this.#holding) {
      this.#lane.add([change])
      return
    }
    this.#aside.hold(change, bytes)
    if (this.#aside.isOver) this.#fail('the guest writes more in an epoch than can be held')
    else if (this.#aside.isPressing && !this.#pressed) {
      this.#pressed = true
      this.#out.push({ do: 'press', run: this.#run })
    }
  }

  #end(epoch: number, parts: number): void {
    const bytes = this.#incoming.end(epoch, parts)
    if (bytes === null || epoch !== this.complete + 1) {
      this.#fail(`epoch ${epoch} did not come whole`)
      return
    }
    this.#lane.add(this.#aside.commit(epoch))
    this.#backlog.completed(bytes)
  }

  /** Told to the primary when the replica has every change that it was told before. */
  #leave(): void {
    this.#writeThrough()
    this.#state = 'left'
    this.#leaving = true
  }

  #applied(epoch: number, error: string): void {
    if (error === '') this.#backlog.applied(epoch)
    else this.#fail(`the standby cannot be filled: ${error}`)
  }

  /** What was acknowledged is written, what was not is dropped: the primary knows that it is not here. */
  #session(): void {
    const dropped = this.#aside.takeAll().length
    if (dropped > 0) this.#out.push({ do: 'dropped', changes: dropped })
    this.#forget()
    // A replica that failed is listed again only when a resync has made it good.
    this.#lane.forgive()
    this.#state = 'none'
    this.#run = 0
    this.#leaving = false
  }

  /** Disk and memory go apart: the memory is worth nothing any more. */
  #writeThrough(): void {
    this.#lane.add(this.#aside.takeAll())
    this.#forget()
  }

  #forget(): void {
    if (this.#state === 'preparing' || this.#state === 'receiving') this.#out.push({ do: 'forget', run: this.#run })
    this.#holding = false
    this.#pressed = false
    this.#incoming = new IncomingEpochs()
    this.#backlog = new Backlog()
  }

  #fail(error: string): void {
    if (this.#state !== 'preparing' && this.#state !== 'receiving') return
    this.#writeThrough()
    this.#state = 'failed'
    if (this.#taking === null) this.#out.push({ do: 'failed', run: this.#run, error })
  }

  /** Frames have been missed. */
  #unseal(): void {
    this.#sealed = false
    this.#fail('a take-over was begun and not finished')
  }

  #takeOver(claimed: number | null): void {
    assert(this.#sealed && this.#taking === null, 'a standby is sealed before its host asks for the claim')
    this.#taking = this.outlook(claimed)
    if (this.#taking === 'load') this.#out.push({ do: 'dropped', changes: this.#aside.takeAll().length })
    if (this.#taking === 'restart' && this.#state === 'receiving') this.#writeThrough()
  }

  #upkeep(): void {
    if (this.#state === 'receiving') this.#useBacklog()
    const changes = this.#lane.next()
    if (changes !== null) this.#out.push({ do: 'write', changes })
    if (this.#leaving && this.#lane.isIdle && !this.#sealed) this.#left()
    if (this.#taking !== null) this.#finish(this.#taking)
  }

  #useBacklog(): void {
    const { toApply } = this.#backlog
    if (toApply !== null) this.#out.push({ do: 'apply', run: this.#run, epoch: this.#backlog.apply(toApply) })
    if (this.#sealed) return
    const newest = this.#backlog.acknowledge(this.limits.backlogMax)
    if (newest !== null) this.#out.push({ do: 'ack', run: this.#run, epoch: newest })
  }

  #left(): void {
    this.#leaving = false
    this.#out.push({ do: 'left', run: this.#run })
  }

  #finish(taking: Outlook): void {
    if (taking === 'load' && this.#state === 'failed') {
      this.#cannot('the memory or the disk of the last epoch is lost')
      return
    }
    if (taking === 'cannot') {
      this.#cannot('the claim names a memory of the guest that is not here')
      return
    }
    if (!this.#lane.isIdle) return
    if (this.#lane.error !== '') {
      this.#cannot(`the replica failed: ${this.#lane.error}`)
      return
    }
    if (taking === 'load' && !this.#backlog.isApplied) return
    this.#taking = null
    this.#out.push(taking === 'restart' ? { do: 'restart' } : { do: 'load', run: this.#run, epoch: this.complete })
  }

  #cannot(why: string): void {
    this.#taking = null
    this.#out.push({ do: 'cannot', why })
  }
}

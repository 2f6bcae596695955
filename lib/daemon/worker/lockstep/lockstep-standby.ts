import type { Outlook } from '../../../core/domain/guest-memory'
import { assert, must, unreachable } from '../../../core/domain/assert'
import { RecentTraffic } from '../../../core/checkpoint/recent-traffic'
import { Standby, STANDBY_LIMITS, type StandbyLimits, type StandbyState } from '../../../core/checkpoint/standby'
import type { StandbyEffect, StandbyEvent } from '../../../core/checkpoint/standby-events'
import type { EpochOrder, EpochPart } from '../../../wire/peer-epochs'
import { errorText } from './error-text'
import { RunStandby } from './run-standby'
import type { LoadedGuest, LockstepStandbyNeeds, TakenOver } from './standby-needs'
import { StandbyParts } from './standby-parts'

/** Of the first copy, on its way into the standby's memory. */
const FILLING_BYTES_MAX = 256e6
/** What holding a part costs beside its data. */
const PART_BYTES = 256

/** Carries out what the secondary's side of lockstep asks for, and answers it. */
export class LockstepStandby<Change> {
  readonly #standby: Standby<Change>
  #machine: RunStandby | null = null
  #gone: Promise<void> = Promise.resolve()
  #writing: Promise<void> = Promise.resolve()
  #parts = new StandbyParts()
  #traffic = new RecentTraffic()
  /** Of the devices, with the newest epoch that is in the standby's memory. */
  #state: { readonly epoch: number; readonly bytes: Buffer } | null = null
  #fillingBytes = 0
  #isSealed = false
  #taken: ((taken: TakenOver) => void) | null = null

  constructor(
    private readonly needs: LockstepStandbyNeeds<Change>,
    limits: StandbyLimits = STANDBY_LIMITS,
    private readonly fillingBytesMax = FILLING_BYTES_MAX,
  ) {
    this.#standby = new Standby<Change>(limits)
  }

  get state(): StandbyState {
    return this.#standby.state
  }

  get run(): number {
    return this.#standby.run
  }

  /** The newest complete epoch; -1 when there is none. */
  get complete(): number {
    return this.#standby.complete
  }

  /** What a take-over would come to. `claimed`: the run that the claim names. */
  outlook(claimed: number | null): Outlook {
    return this.#standby.outlook(claimed)
  }

  /** What the primary says, of a term that may speak. */
  frame(frame: EpochOrder): void {
    const { run } = frame
    switch (frame.type) {
      case 'epoch-begin':
        this.#begin(frame)
        break
      case 'epoch-part':
        this.#part(frame)
        break
      case 'epoch-cut':
        this.#tell({ on: 'cut', run, epoch: frame.epoch })
        if (this.#isReceiving(run)) this.#parts.cut(frame.epoch)
        break
      case 'epoch-end':
        this.#tell({ on: 'end', run, epoch: frame.epoch, parts: frame.parts })
        this.#traffic.complete(this.complete)
        break
      case 'epoch-traffic':
        if (this.#isReceiving(run)) this.#traffic.keep(frame.epoch, frame.way, frame.frames)
        break
      case 'epoch-leave':
        this.#tell({ on: 'leave', run })
        break
      default:
        unreachable(frame, 'standby')
    }
  }

  /** A change of the disk, a flush included; `bytes` of data. It is written when it may be. */
  change(change: Change, bytes: number): void {
    this.#tell({ on: 'change', change, bytes })
  }

  /** The primary has begun a new conversation. */
  session(): void {
    this.#tell({ on: 'session' })
  }

  /** Before this host asks for the claim. */
  seal(): void {
    this.#isSealed = true
    this.#tell({ on: 'seal' })
  }

  /** It was not given. */
  unseal(): void {
    this.#isSealed = false
    this.#tell({ on: 'unseal' })
  }

  /** The claim is this host's. Resolves when the guest is loaded here, or is to be started, or cannot be. Once. */
  takeOver(claimed: number | null): Promise<TakenOver> {
    return new Promise((resolve) => {
      this.#taken = resolve
      this.#tell({ on: 'take-over', claimed })
    })
  }

  /** Resolves when nothing is on its way to the replica. */
  async settled(): Promise<void> {
    for (let writing = this.#writing; ; writing = this.#writing) {
      await writing
      if (writing === this.#writing) return
    }
  }

  /** The worker ends: a standby that does not run is of no use to another one. */
  async close(): Promise<void> {
    this.#forget()
    await this.#gone
  }

  #isReceiving(run: number): boolean {
    return !this.#isSealed && this.state === 'receiving' && this.run === run
  }

  #begin(frame: Extract<EpochOrder, { type: 'epoch-begin' }>): void {
    if (this.#isSealed) return
    const { run, memoryBytes, way } = frame
    this.#tell({ on: 'begin', run }, () => {
      this.#machine = new RunStandby({ vm: this.needs.vm, run, memoryBytes, way }, this.needs.prepare, this.#gone)
    })
  }

  #part(part: EpochPart): void {
    const { run, epoch, kind, data } = part
    const bytes = data.length + PART_BYTES
    this.#tell({ on: 'part', run, epoch, kind, bytes })
    if (!this.#isReceiving(run)) return
    const memoryBytes = must(this.#machine, 'a run that is received has a standby').spec.memoryBytes
    if (part.kind === 'memory' && part.runs.some(({ offset, length }) => offset + length > memoryBytes))
      this.#tell({ on: 'applied', run, epoch, error: 'a part is of no memory of the guest' })
    else if (part.kind === 'memory' && epoch === 0) void this.#fillAtOnce(part.run, part, bytes)
    else this.#parts.keep(part)
  }

  /** The first copy is as large as the guest, and of what was in the standby before nothing counts. */
  async #fillAtOnce(run: number, part: Extract<EpochPart, { kind: 'memory' }>, bytes: number): Promise<void> {
    const machine = must(this.#machine, 'a run that is received has a standby')
    this.#fillingBytes += bytes
    if (this.#fillingBytes > this.fillingBytesMax) {
      this.#fillingBytes -= bytes
      this.#tell({ on: 'applied', run, epoch: 0, error: 'the first copy comes faster than it can be written' })
      return
    }
    const error = await machine.fill([{ runs: part.runs, bytes: part.data }])
    this.#fillingBytes -= bytes
    if (error !== '') this.#tell({ on: 'applied', run, epoch: 0, error })
  }

  #tell(event: StandbyEvent<Change>, first: () => void = () => undefined): void {
    const effects = this.#standby.apply(event)
    for (const effect of effects) {
      if (effect.do === 'prepare') first()
      this.#do(effect)
    }
  }

  #do(effect: StandbyEffect<Change>): void {
    switch (effect.do) {
      case 'prepare':
        void this.#prepare(effect.run)
        break
      case 'apply':
        void this.#fill(effect.run, effect.epoch)
        break
      case 'write':
        this.#writing = this.#write(effect.changes)
        break
      case 'forget':
        this.#forget()
        break
      case 'begun':
      case 'left':
      case 'press':
        this.needs.send({ type: `epoch-${effect.do}`, run: effect.run })
        break
      case 'ack':
        this.needs.send({ type: 'epoch-ack', run: effect.run, epoch: effect.epoch })
        break
      case 'failed':
        this.needs.send({ type: 'epoch-failed', run: effect.run, error: effect.error })
        break
      case 'dropped':
        if (effect.changes > 0) this.needs.dropped(effect.changes)
        break
      case 'load':
        this.#load(effect.run, effect.epoch)
        break
      case 'restart':
        this.#took({ did: 'restart' })
        break
      case 'cannot':
        this.#took({ did: 'cannot', why: effect.why })
        break
      default:
        unreachable(effect, 'standby')
    }
  }

  async #prepare(run: number): Promise<void> {
    const error = await must(this.#machine, 'it was begun').prepared
    this.#tell({ on: 'prepared', run, error })
  }

  async #fill(run: number, epoch: number): Promise<void> {
    const [machine, parts] = [must(this.#machine, 'a run that is received has a standby'), this.#parts]
    const error = await machine.fill(parts.memory(epoch))
    if (machine !== this.#machine) return
    const bytes = parts.applied(epoch)
    if (error === '') this.#state = { epoch, bytes }
    this.#tell({ on: 'applied', run, epoch, error })
  }

  async #write(changes: readonly Change[]): Promise<void> {
    let failed = ''
    for (const change of changes) {
      failed = await this.needs.write(change)
      if (failed !== '') break
    }
    this.#tell({ on: 'written', error: failed })
  }

  #forget(): void {
    const machine = this.#machine
    this.#machine = null
    this.#parts = new StandbyParts()
    this.#traffic = new RecentTraffic()
    this.#state = null
    // At once, so that one that was not begun is not begun for nothing.
    const ended = this.#ended(machine)
    this.#gone = this.#gone.then(() => ended)
  }

  async #ended(machine: RunStandby | null): Promise<void> {
    try {
      await machine?.forget()
    } catch (error) {
      this.needs.note('a standby was not ended', errorText(error))
    }
  }

  /** Whoever takes it over need not wait for the state to be loaded before it opens the disks. */
  #load(run: number, epoch: number): void {
    const state = must(this.#state, 'what is loaded was applied')
    assert(state.epoch === epoch, 'the state is of the epoch of the memory')
    const machine = must(this.#machine, 'what is loaded is there')
    const loaded = machine.load(state.bytes, this.#traffic.of(epoch))
    this.#machine = null
    const goOn: LoadedGuest['goOn'] = async (goes) => {
      const error = await loaded
      return error === '' ? machine.goOn(goes) : `the standby could not be loaded: ${error}`
    }
    this.#took({ did: 'load', run, epoch, domid: machine.domid, goOn })
  }

  #took(taken: TakenOver): void {
    this.#taken?.(taken)
    this.#taken = null
  }
}

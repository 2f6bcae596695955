/**
 * The life of a guest's request on a mirrored disk, on its primary. Two replicas, one claim: a change is answered when every
 * replica that the claim lists has it (N1). A replica that fails is taken out of the claim first, and only then is a change
 * acknowledged without it. While the lease is not valid, nothing starts and nothing is answered: the guest waits (N2).
 *
 * Must never: answer a change that a binding replica lacks; read from a replica that is not a member, or what the other member
 * may not have.
 */
import { assert } from '../domain/assert'
import { HOT_EXTENTS_MAX } from '../domain/blocks'
import { isChange, type GuestRequest, type Mark, type ReplicaRequest } from '../domain/replica-request'
import { hardened, isEverywhere, isFlushed, isReplaceable, isSoft } from './answering'
import { BackgroundCopies } from './background'
import { CopyRuns } from './copy-runs'
import type { Members, MirrorEffect, MirrorEvent, Side } from './events'
import { otherSide, SIDES } from './events'
import { FlushDebt } from './flush-debt'
import { InFlight, isDone } from './in-flight'
import { LeaseGate } from './lease-gate'
import { BIT, isPending, operation, type Operation } from './operation'
import { Reads } from './reads'
import type { Replica } from './replica'
import { Settling } from './settling'
import { Standing } from './standing'

export interface MirrorOptions {
  readonly sizeBytes: number
  /** What the stored claim says at the start. A listed replica binds at once, before it was ever seen. */
  readonly listed: Members
  /** See the event of that name. */
  readonly tracked: boolean
  /** A random name for a history that begins, 16 hex digits. */
  readonly newGeneration: () => string
  /**
   * Until `start-is-over`, a listed replica that was never met is waited for before it is taken out of the claim: a primary that
   * was only restarted finds its peer in a moment, with all that was acknowledged.
   */
  readonly patient?: boolean
  /** How many extents each replica's activity log holds; HOT_EXTENTS_MAX if left out. */
  readonly hotExtentsMax?: number
}

export class Mirror {
  readonly #standing: Standing
  readonly #copies: BackgroundCopies
  readonly #copyRuns: CopyRuns
  readonly #flights = new InFlight()
  readonly #settling: Settling<Operation>
  readonly #reads: Reads
  readonly #gate = new LeaseGate()
  readonly #debt = new FlushDebt()
  /** Requests of the guest so far. */
  #arrivals = 0
  /** The guest has asked for nothing since it was last said to be idle. */
  #quiet = false
  #when: 'local' | 'both' = 'both'
  /** Operations that may be answered now that something about the replicas has changed. */
  #standingChanged = true
  #out: MirrorEffect[] = []

  constructor(options: MirrorOptions) {
    const { newGeneration, hotExtentsMax = HOT_EXTENTS_MAX } = options
    this.#settling = new Settling(hotExtentsMax)
    this.#standing = new Standing(options, {
      newGeneration,
      out: (effect) => this.#out.push(effect),
      mark: (side, mark, then) => this.#mark(side, mark, then),
      catchUp: (side, anew) => this.#catchUp(side, anew),
      markUnderWay: (side) => this.#markUnderWay(side),
      resyncBegins: (side) => this.#copies.begins(side),
      resyncEnds: (side) => this.#copies.ends(side),
      joined: () => this.#settling.joined(this.#flights.lastIssue),
    })
    this.#copies = new BackgroundCopies(this.#standing, {
      out: (effect) => this.#out.push(effect),
      run: (op) => this.#enter(op),
      flush: () => this.#ownFlush(),
    })
    this.#copyRuns = new CopyRuns({
      replicas: this.replicas,
      ask: (...asked) => this.#issue(...asked),
      changed: (...range) => this.#settling.changed(...range),
      leave: (op) => this.#forget(op),
    })
    this.#reads = new Reads({
      replicas: this.replicas,
      reader: () => this.#reader,
      isAhead: (op, side) => this.#flights.isAhead(op, side),
      want: (side, run) => this.#copies.want(side, run),
      issue: (op, side) => this.#issue(op, side),
    })
  }

  get replicas(): Readonly<Record<Side, Replica>> {
    return this.#standing.replicas
  }

  /** One replica goes on alone: its history has parted from the other one's, on stable storage. */
  get hasParted(): boolean {
    const { reader, mayAnswer } = this.#standing
    return mayAnswer && reader !== undefined && !this.replicas[otherSide(reader)].binding
  }

  /** Requests wait for the lease, a replica or the claim. */
  get stalled(): boolean {
    const isOut = this.#when === 'both' && SIDES.some((side) => this.replicas[side].state === 'out')
    return !this.#gate.isOpen || this.#reader === undefined || isOut || !this.#standing.mayAnswer
  }

  /** Blocks of a verify that are compared, and of all; null when none runs. */
  get verifying(): { readonly done: number; readonly of: number } | null {
    return this.#copies.verifying
  }

  apply(event: MirrorEvent): readonly MirrorEffect[] {
    this.#out = []
    switch (event.on) {
      case 'request':
        this.#quiet = false
        if (this.#gate.isOpen) this.#accept(event.id, event.request)
        else this.#gate.hold(event.id, event.request)
        break
      case 'done':
        this.#done(event.side, event.op, event.error, event.data)
        break
      case 'replica-up':
        if (this.replicas[event.side].usable) this.#fail(event.side, 'replaced')
        this.#standing.up(event.side, event.presence, event.bits)
        this.#standingChanged = true
        break
      case 'replica-down':
        this.#fail(event.side, event.error)
        break
      case 'unkept':
        this.#debt.failed(event.side, event.error)
        break
      case 'claimed': {
        const wasReplaceable = isReplaceable('peer', this.replicas)
        this.#standing.claimed(event.members, event.isStored ?? true)
        // What was answered before is in the peer's cache only, too.
        if (wasReplaceable && !isReplaceable('peer', this.replicas)) this.#ownFlush()
        this.#standingChanged = true
        break
      }
      case 'tracked':
        this.#standing.track(event.tracked)
        this.#standingChanged = true
        break
      case 'lease':
        this.#gate.lease(event.valid)
        this.#standingChanged = true
        break
      case 'allow':
        this.#copies.allow(event.bytes)
        break
      case 'answer-when':
        this.#when = event.when
        for (const next of this.#flights.pass(event.when === 'local')) this.#start(next)
        this.#standingChanged = true
        break
      case 'idle':
        this.#quiet = true
        break
      case 'start-is-over':
        this.#standing.startIsOver()
        this.#standingChanged = true
        break
      case 'give-up':
        this.#standing.giveUp(event.side)
        this.#standingChanged = true
        break
      case 'verify':
        this.#copies.verify(event.repair)
        break
    }
    this.#upkeep()
    return this.#out
  }

  /** The peer's replica is behind what was answered, until it answers as well. */
  get #reader(): Side | undefined {
    const { reader } = this.#standing
    return reader === 'peer' && this.#when === 'local' ? undefined : reader
  }

  // --- a request's way in -------------------------------------------------------------------------------------------------

  #accept(id: number, request: GuestRequest): void {
    const op = operation(request, id, null, ++this.#arrivals)
    if (request.kind === 'read') this.#reads.ask(op)
    else this.#enter(op)
  }

  #enter(op: Operation): void {
    if (this.#flights.enter(op)) this.#start(op)
  }

  #start(op: Operation): void {
    if (op.job?.kind === 'copy') {
      this.#copyRuns.start(op, op.job)
      return
    }
    if (op.request.kind === 'flush') this.#beginSettling(op)
    else {
      this.#settling.changed(op.request.offset, op.request.length)
      this.#copies.changed(op.request.offset, op.request.length)
    }
    // The way to the peer is the longer one.
    for (const side of ['peer', 'local'] as const) {
      const replica = this.replicas[side]
      if (replica.usable) this.#issue(op, side)
      else if (op.request.kind !== 'flush') replica.dirty.mark(op.request.offset, op.request.length)
    }
  }

  #issue(op: Operation, side: Side, request: ReplicaRequest = op.request): void {
    op.asked |= BIT[side]
    const asked = hardened(request, side, this.replicas)
    op.hard ||= asked !== request
    this.#out.push({ do: 'io', side, op: this.#flights.asked(op, side), request: asked })
  }

  // --- answers of the replicas --------------------------------------------------------------------------------------------

  #done(side: Side, issue: number, error: string, data: Buffer | undefined): void {
    const op = this.#flights.answered(issue)
    if (op === undefined) return
    op.issue[side] = 0
    if (error !== '') {
      this.#failed(op, side, error)
      return
    }
    op.done |= BIT[side]
    if (op.job !== null) this.#jobDone(op, side, data)
    else if (op.request.kind === 'read') this.#reply(op, data)
    else this.#answer(op)
  }

  #jobDone(op: Operation, side: Side, data: Buffer | undefined): void {
    const { job } = op
    if (job?.kind === 'mark') {
      job.then()
      this.#standingChanged = true
    } else if (job !== null) this.#copyRuns.answered(op, job, side, data)
  }

  #failed(op: Operation, side: Side, error: string): void {
    const { job, request } = op
    if (this.replicas[side].state !== 'member' || isReplaceable(side, this.replicas) || job?.kind === 'mark') {
      this.#markLacking(op, side)
      if (isFlushed(request)) this.#debt.failed(side, error)
      this.#fail(side, error)
      if (request.kind === 'read' && job === null) this.#reads.park(op)
      return
    }
    // The last replica: its error is the disk's error, as on any unmirrored disk.
    if (job !== null) this.#copyRuns.end(op, job, 'source-unreadable')
    else {
      op.error = error
      if (op.told || (request.kind === 'flush' && op.guest === null)) this.#debt.owe(error)
      if (request.kind === 'read') this.#reply(op, undefined)
      else {
        // The other replica may have taken what this one refused.
        this.#markLacking(op, otherSide(side))
        this.#answer(op)
      }
    }
  }

  #fail(side: Side, error: string): void {
    const wasUsed = this.#standing.down(side, error)
    this.#standingChanged = true
    if (!wasUsed) return
    this.#settling.parted()
    for (const op of this.#flights.lost(side)) {
      this.#markLacking(op, side)
      if (side === 'local' && isFlushed(op.request)) this.#debt.failed(side, error)
      if (op.request.kind === 'read' && op.job === null) this.#reads.park(op)
    }
    // The guest believes them done, and whoever comes back may have lost them.
    for (const op of [...this.#flights.running].filter(({ told }) => told)) {
      this.#markLacking(op, side)
      if (!isPending(op)) this.#end(op)
    }
    // Only now: what waited for a copy's range starts, and must not be asked of this side.
    for (const op of [...this.#flights.running]) if (op.job?.kind === 'copy') this.#copyRuns.end(op, op.job, 'abandoned')
    this.#copies.abandoned()
  }

  #markLacking({ request, job }: Operation, side: Side): void {
    if (isChange(request) && job === null) this.replicas[side].dirty.mark(request.offset, request.length)
  }

  #markUnderWay(side: Side): void {
    for (const op of this.#flights.running) if (!isDone(op, side) && op.issue[side] === 0) this.#markLacking(op, side)
  }

  /** Whatever runs and was not asked of this replica, because it could not be, is asked now. */
  #catchUp(side: Side, anew: boolean): void {
    this.#debt.back(side, this.replicas[side].state === 'member' && this.replicas[otherSide(side)].state !== 'member')
    for (const op of this.#flights.running) {
      // They are on record as lacking, and must not come out of order.
      if (op.told) continue
      if (anew) op.done &= ~BIT[side]
      if (op.job === null && !isDone(op, side) && op.issue[side] === 0) this.#issue(op, side)
    }
  }

  // --- a request's way out ------------------------------------------------------------------------------------------------

  #mayAnswer(op: Operation): boolean {
    if (isPending(op)) return false
    return op.error !== '' || (this.#standing.mayAnswer && isEverywhere(op, this.replicas))
  }

  #answer(op: Operation): void {
    if (!this.#gate.isOpen) return
    if (op.told) {
      if (!isPending(op)) this.#end(op)
      return
    }
    if (this.#goesAhead(op)) {
      this.#answerAhead(op)
      return
    }
    if (!this.#mayAnswer(op)) return
    if (isSoft(op, this.replicas)) {
      op.done &= ~BIT.peer
      this.#issue(op, 'peer')
      return
    }
    if (op.request.kind === 'flush' && op.guest !== null) op.error = this.#debt.pay(op.error)
    this.#reply(op, undefined)
    this.#end(op)
  }

  #goesAhead(op: Operation): boolean {
    const isHere = isDone(op, 'local') && this.replicas.local.state === 'member' && op.error === ''
    const goes = this.#when === 'local' && op.guest !== null
    return goes && isHere && isPending(op) && this.#standing.mayAnswer
  }

  #answerAhead(op: Operation): void {
    if (op.request.kind === 'flush') op.error = this.#debt.pay(op.error)
    this.#reply(op, undefined)
    for (const next of this.#flights.told(op)) this.#start(next)
  }

  #end(op: Operation): void {
    if (op.request.kind === 'flush') this.#flushed(op)
    this.#forget(op)
  }

  #reply(op: Operation, data: Buffer | undefined): void {
    if (op.guest === null) return
    const { guest: id, error } = op
    const free = op.done === op.asked
    const reply: MirrorEffect = data === undefined ? { do: 'reply', id, error, free } : { do: 'reply', id, error, free, data }
    if (this.#gate.isOpen) this.#out.push(reply)
    else this.#gate.holdReply(reply)
  }

  #forget(op: Operation): void {
    for (const next of this.#flights.leave(op)) this.#start(next)
  }

  // --- our own work ---------------------------------------------------------------------------------------------------------

  #mark(side: Side, mark: Mark, then: () => void): void {
    const op = operation({ kind: 'mark', offset: 0, length: 0, mark }, null, { kind: 'mark', side, then })
    this.#issue(op, side)
  }

  #ownFlush(): Operation {
    const op = operation({ kind: 'flush', offset: 0, length: 0 }, null)
    this.#enter(op)
    return op
  }

  #beginSettling(flush: Operation): void {
    if (!this.#settling.begins(flush, this.#flights.answeredBefore, flush.guest === null)) return
    for (const { request, job } of this.#flights.running)
      if (isChange(request) || job?.kind === 'copy') this.#settling.changed(request.offset, request.length)
  }

  #flushed(op: Operation): void {
    const onBoth = SIDES.every((side) => isDone(op, side) && this.replicas[side].usable)
    const before = this.#settling.ended(op, onBoth)
    if (before !== null) this.#settled(before)
    this.#copies.flushed(op, onBoth)
  }

  #settled(before: number): void {
    for (const side of SIDES) this.#out.push({ do: 'hint', side, hint: { kind: 'settled', before } })
    if (this.#settling.clears(before)) this.#standing.settled()
  }

  // --- after every event, back to a known clean state ---------------------------------------------------------------------

  #upkeep(): void {
    // Each round may let something go that changes what the next one finds; none undoes what another did.
    for (let rounds = 0; this.#standingChanged; rounds++) {
      assert(rounds < 100, 'upkeep comes to an end')
      this.#standingChanged = false
      this.#standing.upkeep()
      if (this.#gate.isOpen) this.#resume()
    }
    if (!this.#gate.isOpen) return
    this.#reads.retry()
    this.#settle()
    this.#copies.advance()
  }

  /** A flush of our own settles only what both replicas have. */
  #settle(): void {
    if (!SIDES.every((side) => this.replicas[side].usable)) return
    const isQuiet = this.#quiet && this.#flights.running.length === 0
    if (this.#settling.isPressing || (isQuiet && this.#settling.hasUnsettled)) this.#ownFlush()
  }

  #resume(): void {
    const { requests, replies } = this.#gate.release()
    this.#out.push(...replies)
    for (const { id, request } of requests) this.#accept(id, request)
    for (const op of [...this.#flights.running]) if (op.job === null) this.#answer(op)
  }
}

/**
 * The life of a guest's request on a mirrored disk, on its primary. Two replicas, one claim: a change is answered when every
 * replica that the claim lists has it (N1). A replica that fails is taken out of the claim first, and only then is a change
 * acknowledged without it. While the lease is not valid, nothing starts and nothing is answered: the guest waits (N2).
 *
 * Must never: answer a change that a binding replica lacks; read from a replica that is not a member.
 */
import { assert } from '../domain/assert'
import { CopyRun } from './copy-run'
import type { GuestRequest, Members, MirrorEffect, MirrorEvent, Side } from './events'
import { SIDES, otherSide } from './events'
import { InFlight } from './in-flight'
import type { Operation } from './operation'
import { mayAnswer, operation } from './operation'
import { Replica } from './replica'
import { wishedMembers } from './wish'

export class Mirror {
  readonly replicas: Readonly<Record<Side, Replica>>
  readonly #flights = new InFlight()
  #parkedReads: Operation[] = []
  #heldRequests: { id: number; request: GuestRequest }[] = []
  #heldReplies: MirrorEffect[] = []
  readonly #copies: Readonly<Record<Side, CopyRun>>
  readonly #returned = new Set<Side>()
  #listed: Members
  #proposed: Members
  #leaseValid = true
  #nextId = 1
  #out: MirrorEffect[] = []
  #lastError: Record<Side, string> = { local: '', peer: '' }

  /** `listed`: what the stored claim says at the start. A listed replica binds at once, before it was ever seen. */
  constructor(
    readonly sizeBytes: number,
    listed: Members,
  ) {
    assert(listed.local || listed.peer, 'a claim lists at least one replica')
    this.#listed = listed
    this.#proposed = listed
    this.replicas = { local: new Replica(sizeBytes), peer: new Replica(sizeBytes) }
    this.#copies = { local: new CopyRun(this.replicas.local), peer: new CopyRun(this.replicas.peer) }
    for (const side of SIDES) if (listed[side]) this.replicas[side].become('out')
  }

  /** Requests that wait for the lease, a replica or the claim. */
  get stalled(): boolean {
    return !this.#leaseValid || !SIDES.some((side) => this.replicas[side].state === 'member')
  }

  apply(event: MirrorEvent): readonly MirrorEffect[] {
    this.#out = []
    switch (event.on) {
      case 'request':
        if (this.#leaseValid) this.#accept(event.id, event.request)
        else this.#heldRequests.push({ id: event.id, request: event.request })
        break
      case 'done':
        this.#done(event.op, event.error, event.data)
        break
      case 'replica-up':
        this.#up(event.side, event.identity, event.incarnation, event.sound)
        break
      case 'replica-down':
        this.#fail(event.side, event.error)
        break
      case 'claimed':
        this.#claimed(event.members)
        break
      case 'lease':
        this.#leaseValid = event.valid
        break
    }
    this.#upkeep()
    return this.#out
  }

  #accept(id: number, request: GuestRequest): void {
    const op = operation(this.#nextId++, request, id)
    if (request.kind === 'read') this.#read(op)
    else this.#enter(op)
  }

  #enter(op: Operation): void {
    if (this.#flights.enter(op)) this.#start(op)
  }

  #start(op: Operation): void {
    const copy = this.#copyOf(op)
    if (copy !== undefined) {
      this.#readForCopy(op, copy)
      return
    }
    for (const side of SIDES) {
      const replica = this.replicas[side]
      if (replica.usable) this.#issue(op, side)
      else if (op.request.kind !== 'flush') replica.dirty.mark(op.request.offset, op.request.length)
    }
  }

  #issue(op: Operation, side: Side, request: GuestRequest = op.request): void {
    const issue = this.#nextId++
    this.#flights.asked(op, side, issue)
    const replica = this.replicas[side]
    if (request.kind === 'flush') op.flushing.set(side, replica.takeUnflushed())
    else if (request.kind !== 'read') replica.cached(request.offset, request.length)
    this.#out.push({ do: 'io', side, op: issue, request: this.#hardened(side, request) })
  }

  /** A lone peer replica is on another machine's cache: its crash must not lose what the guest believes only unflushed. */
  #hardened(side: Side, request: GuestRequest): GuestRequest {
    if (side === 'local' || (request.kind !== 'write' && request.kind !== 'zero') || request.fua) return request
    return this.replicas.local.binding ? request : { ...request, fua: true }
  }

  #read(op: Operation): void {
    const side = SIDES.find((s) => this.replicas[s].state === 'member')
    if (side === undefined) this.#parkedReads.push(op)
    else this.#issue(op, side)
  }

  #copyOf(op: Operation): Side | undefined {
    return SIDES.find((side) => this.#copies[side].operation === op.id)
  }

  #done(issue: number, error: string, data: Buffer | undefined): void {
    const asked = this.#flights.answered(issue)
    if (asked === undefined) return
    const { op, side } = asked
    if (error !== '') {
      this.#failed(op, side, error)
      return
    }
    op.done.add(side)
    op.flushing.delete(side)
    // A flush may have overtaken it since it was issued.
    if (op.request.kind === 'write' || op.request.kind === 'zero')
      this.replicas[side].cached(op.request.offset, op.request.length)
    if (this.#copyOf(op) !== undefined) this.#copied(op, side, data)
    else if (op.request.kind === 'read') this.#reply(op, data)
  }

  #failed(op: Operation, side: Side, error: string): void {
    const copy = this.#copyOf(op)
    const other = this.replicas[otherSide(side)]
    const replaceable = other.state === 'member' || other.state === 'out'
    if (this.replicas[side].state !== 'member' || replaceable) {
      this.#distrustFlush(op, side)
      this.#markLacking(op, side)
      this.#fail(side, error)
      if (op.request.kind === 'read' && copy === undefined) this.#read(op)
      return
    }
    // The last replica: its error is the disk's error, as on any unmirrored disk.
    if (copy !== undefined) this.#endCopy(op, copy, 'source-unreadable')
    else {
      op.error = error
      if (op.request.kind === 'read') this.#reply(op, undefined)
      // The other replica may have taken what this one refused.
      else this.#markLacking(op, otherSide(side))
    }
  }

  #fail(side: Side, error: string): void {
    const replica = this.replicas[side]
    this.#lastError[side] = error
    this.#returned.delete(side)
    if (!replica.usable) {
      const other = otherSide(side)
      if (replica.identity === '' && this.#returned.delete(other)) this.#admit(other, 'only-copy')
      return
    }
    for (const op of this.#flights.lost(side)) {
      this.#distrustFlush(op, side)
      this.#markLacking(op, side)
      if (op.request.kind === 'read' && this.#copyOf(op) === undefined) this.#parkedReads.push(op)
    }
    // A device that failed may have dropped what it had only cached.
    if (side === 'local') {
      replica.distrust()
      replica.missedWrites = true
    }
    const bound = replica.binding
    replica.become(bound ? 'out' : 'absent')
    // Only now: what waited for a copy's range starts, and must not be asked of this side.
    for (const op of this.#flights.all()) this.#abandonCopy(op)
    this.#out.push({
      do: 'note',
      act: bound ? 'replica-failed' : 'resync-interrupted',
      rule: 'io-failed-or-peer-lost',
      side,
      error,
    })
  }

  #distrustFlush(op: Operation, side: Side): void {
    this.replicas[side].distrust(op.flushing.get(side) ?? [])
    op.flushing.delete(side)
  }

  #markLacking(op: Operation, side: Side): void {
    if (op.request.kind === 'write' || op.request.kind === 'zero')
      this.replicas[side].dirty.mark(op.request.offset, op.request.length)
  }

  #up(side: Side, identity: string, incarnation: string, sound: boolean): void {
    const replica = this.replicas[side]
    if (replica.usable) this.#fail(side, 'replaced')
    const firstMet = replica.identity === ''
    const sameContents = replica.identity === identity && identity !== ''
    const sameMachine = replica.incarnation === incarnation
    replica.contentsKnown = sameContents
    replica.identity = identity
    replica.incarnation = incarnation
    if (!sameContents) replica.dirty.markAll()
    else if (!sameMachine) replica.distrust()
    if (replica.state === 'out') {
      const other = this.replicas[otherSide(side)]
      const seamless = sameContents && sameMachine && sound && !replica.missedWrites
      replica.missedWrites = !seamless
      if (!seamless && (other.state === 'member' || (side === 'peer' && this.#firstUp(other)))) {
        this.#returned.add(side)
        return
      }
      this.#admit(side, seamless ? 'never-missed-a-write' : firstMet ? 'opened' : 'only-copy')
    } else {
      this.#beginResync(side)
    }
  }

  /** A replica that the claim lists is back: whatever it was not asked, or did not answer, it is asked again. */
  #admit(side: Side, rule: string): void {
    const replica = this.replicas[side]
    replica.become('member')
    replica.missedWrites = false
    replica.dirty.clearAll()
    this.#out.push({ do: 'note', act: 'replica-present', rule, side, error: '' })
    this.#catchUp(side)
  }

  /** Whatever runs and was not asked of this replica, because it could not be, is asked now. */
  #catchUp(side: Side): void {
    for (const op of this.#flights.running()) {
      if (this.#copyOf(op) === undefined && !op.done.has(side) && !op.pending.has(side)) this.#issue(op, side)
    }
  }

  /** At the start the local replica may open a moment after the peer answers: wait for it rather than prefer the peer. */
  #firstUp(local: Replica): boolean {
    return local.state === 'out' && local.identity === '' && this.#lastError.local === ''
  }

  #claimed(members: Members): void {
    this.#listed = members
    for (const side of SIDES) {
      const replica = this.replicas[side]
      if (members[side]) {
        if (replica.state === 'joining') {
          replica.become('member')
          this.#out.push({ do: 'note', act: 'replica-joined-claim', rule: 'resync-complete', side, error: '' })
        } else if (replica.state === 'absent') replica.become('out')
      } else if (replica.state === 'out') {
        replica.become('absent')
        replica.missedWrites = false
        this.#out.push({
          do: 'note',
          act: 'replica-left-claim',
          rule: 'claim-before-lone-acknowledgement',
          side,
          error: this.#lastError[side],
        })
        if (this.#returned.delete(side)) this.#beginResync(side)
      } else if (replica.state === 'member') {
        this.#beginResync(side)
      }
    }
  }

  #reply(op: Operation, data: Buffer | undefined): void {
    if (op.guest === null) return
    const reply: MirrorEffect = { do: 'reply', id: op.guest, error: op.error, ...(data === undefined ? {} : { data }) }
    if (this.#leaseValid) this.#out.push(reply)
    else this.#heldReplies.push(reply)
  }

  // --- resync -----------------------------------------------------------------------------------------------------------

  #beginResync(side: Side): void {
    const replica = this.replicas[side]
    replica.become('resyncing')
    this.#copies[side].restart()
    const rule = replica.contentsKnown ? 'dirty-blocks' : 'whole-disk'
    this.#out.push({ do: 'note', act: 'resync-started', rule, side, error: '' })
  }

  #readForCopy(op: Operation, target: Side): void {
    const source = otherSide(target)
    if (this.replicas[target].state !== 'resyncing' || this.replicas[source].state !== 'member') {
      this.#abandonCopy(op)
      return
    }
    this.#issue(op, source, { kind: 'read', offset: op.request.offset, length: op.request.length })
  }

  #copied(op: Operation, side: Side, data: Buffer | undefined): void {
    const target = this.#copyOf(op)
    assert(target !== undefined, 'a copy has a target')
    if (side !== target) {
      assert(data !== undefined, 'a read brings data')
      const { offset, length } = op.request
      this.#issue(op, target, { kind: 'write', offset, length, data, fua: false })
      return
    }
    this.replicas[target].cached(op.request.offset, op.request.length)
    this.#copies[target].finished(op.request.offset, op.request.length)
    this.#endCopy(op, target, '')
  }

  #abandonCopy(op: Operation): void {
    const target = this.#copyOf(op)
    if (target !== undefined) this.#endCopy(op, target, 'abandoned')
  }

  #endCopy(op: Operation, target: Side, why: string): void {
    this.#copies[target].ended(why)
    this.#forget(op)
  }

  #forget(op: Operation): void {
    for (const next of this.#flights.leave(op)) this.#start(next)
  }

  // --- after every event, back to a known clean state ---------------------------------------------------------------------

  #upkeep(): void {
    if (this.#leaseValid) {
      this.#out.push(...this.#heldReplies)
      this.#heldReplies = []
      const held = this.#heldRequests
      this.#heldRequests = []
      for (const { id, request } of held) this.#accept(id, request)
      this.#answer()
      const parked = this.#parkedReads
      this.#parkedReads = []
      for (const op of parked) this.#read(op)
      for (const side of SIDES) this.#advanceResync(side)
    }
    this.#propose()
  }

  #answer(): void {
    for (const op of this.#flights.running()) {
      if (this.#copyOf(op) !== undefined || !this.#flights.has(op.id) || !mayAnswer(op, this.replicas)) continue
      this.#reply(op, undefined)
      this.#forget(op)
    }
  }

  #advanceResync(target: Side): void {
    const replica = this.replicas[target]
    const copy = this.#copies[target]
    if (replica.state !== 'resyncing' || this.replicas[otherSide(target)].state !== 'member') return
    const step = copy.next(this.#flights)
    if (step.step === 'copy') {
      const op = operation(this.#nextId++, { kind: 'read', offset: step.offset, length: step.length }, null)
      copy.began(op.id)
      this.#enter(op)
    } else if (step.step === 'flush') {
      const op = operation(this.#nextId++, { kind: 'flush', offset: 0, length: 0 }, null)
      copy.flushing(op.id)
      this.#enter(op)
    } else if (step.step === 'join') {
      replica.become('joining')
      this.#catchUp(target)
    }
  }

  #propose(): void {
    const members = wishedMembers(this.replicas)
    if (members === null) return
    const reference = this.#proposed
    if (members.local === reference.local && members.peer === reference.peer) return
    this.#proposed = members
    const leaving = SIDES.find((side) => this.#listed[side] && !members[side])
    const rule = leaving === undefined ? 'resync-complete' : `${leaving}-replica-lost`
    this.#out.push({ do: 'propose', members, rule, error: leaving === undefined ? '' : this.#lastError[leaving] })
  }
}

/**
 * Which replica counts: who comes, who goes, what the claim lists and should list, and whose history the bytes belong to.
 *
 * Must never: admit a replica that may lack an acknowledged write; overwrite one whose history contradicts the claim.
 */
import { assert } from '../domain/assert'
import type { DirtyBitmap } from '../domain/dirty-bitmap'
import type { Mark, Presence } from '../domain/replica-request'
import { type EntryVerdict, verdictOnAbsent, verdictOnListed } from './entry'
import { type Members, otherSide, type Side, SIDES } from './events'
import { giveUp, only } from './given-up'
import { Listing } from './listing'
import { announced, inStep, isAnnounced, parted, recounted, targeted, unmirrored } from './lineage'
import { Proposals } from './proposals'
import { Replica } from './replica'
import type { StandingNeeds, StandingOptions } from './standing-needs'

export class Standing {
  readonly replicas: Readonly<Record<Side, Replica>>
  readonly #listing: Listing
  readonly #proposals: Proposals
  #tracked: boolean
  #localSeen = false
  /** The last history that was begun for a resync of the whole disk, and whose. */
  #recounted = { bitmap: '', identity: '' }
  #patient: boolean

  constructor(
    { sizeBytes, listed, tracked, patient }: StandingOptions,
    private readonly needs: StandingNeeds,
  ) {
    this.#patient = patient ?? false
    assert(listed.local || listed.peer, 'a claim lists at least one replica')
    this.#listing = new Listing(listed)
    this.#tracked = tracked
    this.replicas = { local: new Replica(sizeBytes), peer: new Replica(sizeBytes) }
    for (const side of SIDES) if (listed[side]) this.replicas[side].become('out')
    this.#proposals = new Proposals(this.#listing, this.replicas, {
      out: needs.out,
      ask: (side, then) => this.#mark(side, { bits: 'keep' }, then),
    })
  }

  /** The one to read from. */
  get reader(): Side | undefined {
    return SIDES.find((side) => this.replicas[side].state === 'member')
  }

  /** Nothing may be answered by one replica alone before its history has parted from the other one's, on stable storage. */
  get mayAnswer(): boolean {
    const alone = this.#alone()
    if (alone === null || !this.#tracked) return true
    const { generations } = this.replicas[alone]
    return generations.bitmap !== '' && (!isAnnounced(generations) || this.replicas[otherSide(alone)].usable)
  }

  startIsOver(): void {
    this.#patient = false
  }

  track(tracked: boolean): void {
    if (this.#tracked === tracked) return
    this.#tracked = tracked
    if (tracked) return
    // Nobody waits any more for one that the claim no longer lists.
    for (const side of SIDES)
      if (this.replicas[side].state === 'out' && !this.#listing.listed[side]) this.replicas[side].become('absent')
    const alone = this.#alone()
    if (alone !== null) this.#mark(alone, { generations: unmirrored(this.replicas[alone].generations), bits: 'none' })
  }

  up(side: Side, presence: Presence, bits: DirtyBitmap): void {
    this.replicas[side].came(presence, bits)
    if (side === 'local') this.#localSeen = true
  }

  /** True when the replica was in use. Blocks of requests that it has not answered are the caller's to mark. */
  down(side: Side, error: string): boolean {
    const replica = this.replicas[side]
    const other = this.replicas[otherSide(side)]
    replica.went(error)
    this.#proposals.lost()
    if (side === 'local') this.#localSeen = true
    if (!replica.usable) return false
    // Between two members what is dirty is dirty both ways: the one that stays is right now.
    if (replica.state === 'member' && other.state === 'member') {
      replica.dirty.merge(other.dirty)
      other.dirty.clearAll()
    }
    // One that was never proposed is in no claim, and no claim will tell that it has left it.
    const bound = replica.state === 'joining' ? this.#listing.proposed[side] || this.#listing.listed[side] : replica.binding
    replica.become(bound ? 'out' : 'absent')
    this.#note(side, bound ? 'replica-failed' : 'resync-interrupted', 'io-failed-or-peer-lost', error)
    return true
  }

  /**
   * A replica that is not listed, and was proposed since, may be listed by the time this is heard: it goes on to bind. So one that
   * was lost and is back before the witness stored its loss stays a member.
   */
  claimed(members: Members, isStored: boolean): void {
    if (!this.#listing.hears(members, isStored, (side) => this.replicas[side].state === 'joining')) return
    for (const side of SIDES) {
      const replica = this.replicas[side]
      assert(!members[side] || replica.state !== 'resyncing', 'the claim lists only what was proposed')
      if (members[side]) {
        if (replica.state === 'joining') this.#joined(side)
        else if (replica.state === 'absent') replica.become('out')
      } else if (replica.state === 'out' && !this.#listing.proposed[side]) {
        replica.become('absent')
        const rule = isStored ? 'claim-before-lone-acknowledgement' : 'without-quorum'
        this.#note(side, 'replica-left-claim', rule, replica.lastError)
      }
    }
  }

  /** The resync has copied everything: from here on the replica binds, and the claim should list it. */
  complete(side: Side): void {
    const replica = this.replicas[side]
    const source = this.replicas[otherSide(side)]
    if (replica.marks > 0 || source.marks > 0 || !this.mayAnswer || !this.#tracked) return
    if (!isAnnounced(source.generations)) {
      this.#mark(otherSide(side), { generations: announced(source.generations), bits: 'keep' })
      return
    }
    this.#mark(side, { state: 'up-to-date', generations: inStep(source.generations), bits: 'none' }, () => {
      if (replica.state !== 'resyncing') return
      replica.become('joining')
      this.needs.resyncEnds(side)
      this.needs.catchUp(side, false)
    })
  }

  giveUp(side: Side): void {
    if (!giveUp(side, this.replicas)) return
    const members = only(otherSide(side))
    this.#listing.propose(members)
    this.needs.out({ do: 'propose', members, rule: 'operator-chose', error: '' })
  }

  /** Two members are equal again in every block. */
  compared(): void {
    for (const side of SIDES) {
      // A crash between the claim that lists both and this mark leaves one that believes it is alone.
      if (this.replicas[side].generations.bitmap !== '') this.#leaveAlone(side)
      else if (this.replicas[side].presence !== null) this.#mark(side, { bits: 'none' })
    }
  }

  /** Whatever was asked before the last `joined` is on stable storage on both. */
  settled(): void {
    if (SIDES.every((side) => this.replicas[side].state === 'member' && this.replicas[side].dirty.count === 0)) this.compared()
  }

  /** Its notes still cover what was asked of it alone and is not settled: they are left until it is. */
  #leaveAlone(side: Side): void {
    const { presence, generations } = this.replicas[side]
    if (presence !== null) this.#mark(side, { generations: inStep(generations), bits: 'keep' }, () => this.needs.joined())
  }

  /** Back to a known clean state: admits, begins resyncs, parts histories, proposes. */
  upkeep(): void {
    this.#part()
    // Those that count first: the others are judged by them.
    for (const side of SIDES) if (this.#mayConsider(side) && this.replicas[side].state === 'out') this.#considerListed(side)
    this.#part()
    for (const side of SIDES) if (this.#mayConsider(side)) this.#considerAbsent(side)
    if (this.reader !== undefined) this.#proposals.make(this.#patient)
  }

  #alone(): Side | null {
    const side = SIDES.find((one) => this.#listing.listed[one] && !this.replicas[otherSide(one)].binding)
    return side !== undefined && this.replicas[side].state === 'member' ? side : null
  }

  /** A replica that goes on alone begins a history of its own. */
  #part(): void {
    const alone = this.#alone()
    if (alone === null || this.mayAnswer || this.replicas[alone].marks > 0) return
    const generations = parted(this.replicas[alone].generations, this.needs.newGeneration)
    this.#mark(alone, { state: 'up-to-date', generations, bits: 'keep' })
  }

  #mayConsider(side: Side): boolean {
    const { presence, usable, refused, marks } = this.replicas[side]
    return presence !== null && !usable && refused === null && marks + this.replicas[otherSide(side)].marks === 0
  }

  /** The claim lists it, so it has every acknowledged write, unless its machine lost them. */
  #considerListed(side: Side): void {
    this.#follow(side, verdictOnListed(side, this.replicas, { localSeen: this.#localSeen, patient: this.#patient }))
  }

  #considerAbsent(side: Side): void {
    if (this.replicas[side].state !== 'absent' || this.#listing.listed[side] || !this.mayAnswer || !this.#tracked) return
    this.#follow(side, verdictOnAbsent(side, this.replicas))
  }

  #follow(side: Side, verdict: EntryVerdict): void {
    if (verdict.entry === 'admitted') this.#admit(side, verdict.rule)
    else if (verdict.entry === 'resynced') this.#beginResync(side, verdict.wholeDisk, verdict.rule)
    else if (verdict.entry === 'refused') this.#refuse(side, verdict.rule)
  }

  #refuse(side: Side, rule: string): void {
    this.replicas[side].refused = { rule }
    this.#note(side, 'replica-refused', rule, '')
  }

  #admit(side: Side, rule: string): void {
    const replica = this.replicas[side]
    const other = this.replicas[otherSide(side)]
    // What this one noted the other one to lack; what that misses from now on is marked as it happens.
    if (other.lastIncarnation === '' && other.state !== 'member') {
      other.dirty.clearAll()
      this.needs.markUnderWay(otherSide(side))
      if (replica.bits !== null) other.dirty.merge(replica.bits)
    }
    if (replica.bits !== null) replica.dirty.merge(replica.bits)
    replica.bits = null
    // Nobody has what the only member lacks; it differs from the other one there all the same.
    if (other.state !== 'member') {
      // Before either was met, nothing is known of what the other one lacks but what this one has just told.
      if (replica.lastIncarnation !== '' || other.lastIncarnation !== '') other.dirty.merge(replica.dirty)
      replica.dirty.clearAll()
    }
    replica.become('member')
    const incarnation = replica.presence?.incarnation ?? ''
    const anew = incarnation !== replica.lastIncarnation
    replica.lastIncarnation = incarnation
    this.#note(side, 'replica-present', rule, '')
    const believesAlone = [replica, other].some(({ generations, state }) => state === 'member' && generations.bitmap !== '')
    if (other.state === 'member') {
      if (replica.dirty.count > 0 || believesAlone) this.needs.resyncBegins(side)
      // The one that stayed may still keep notes that were about to be forgotten.
      else this.needs.joined()
    }
    // Its resync stopped when this one could not be read.
    if (other.state === 'resyncing') this.needs.resyncBegins(otherSide(side))
    this.needs.catchUp(side, anew)
  }

  #beginResync(side: Side, wholeDisk: boolean, rule: string): void {
    const replica = this.replicas[side]
    const source = otherSide(side)
    replica.givenUp = false
    let { bitmap } = this.replicas[source].generations
    if (replica.bits !== null) replica.dirty.merge(replica.bits)
    replica.bits = null
    if (wholeDisk) {
      replica.dirty.markAll()
      const identity = replica.presence?.identity ?? ''
      // One that could not even be marked comes back again and again: each time two more would make others forgotten.
      if (bitmap !== this.#recounted.bitmap || identity !== this.#recounted.identity) {
        const generations = recounted(this.replicas[source].generations, this.needs.newGeneration)
        this.#mark(source, { generations, bits: 'all' })
        bitmap = generations.bitmap
        this.#recounted = { bitmap, identity }
      }
    }
    replica.become('resyncing')
    replica.lastIncarnation = replica.presence?.incarnation ?? ''
    this.#mark(side, { state: 'inconsistent', generations: targeted(replica.generations, bitmap), bits: 'keep' })
    this.#note(side, 'resync-started', rule, '')
    this.needs.resyncBegins(side)
  }

  #joined(side: Side): void {
    const source = otherSide(side)
    this.replicas[side].become('member')
    this.#note(side, 'replica-joined-claim', 'resync-complete', '')
    // When the source failed and came back meanwhile, what it noted is compared first.
    if (this.replicas[side].dirty.count > 0) this.needs.resyncBegins(side)
    else this.#leaveAlone(source)
  }

  #mark(side: Side, mark: Mark, then: () => void = () => undefined): void {
    const replica = this.replicas[side]
    const { presence } = replica
    replica.marks++
    this.needs.mark(side, mark, () => {
      // It went and came back meanwhile: what it says of itself counts.
      if (replica.presence !== presence) return
      replica.marks--
      const { state, generations } = replica.history
      replica.history = { state: mark.state ?? state, generations: mark.generations ?? generations }
      then()
    })
  }

  #note(side: Side, act: string, rule: string, error: string): void {
    this.needs.out({ do: 'note', act, rule, side, error })
  }
}

/**
 * The holder's part in a switch of witnesses: sees that the deciding one is silent, begins, has its peer note it and carries the claim, again
 * and again until it is done; and goes back to the preferred one.
 */
import { type Claim, generationOf, hostsOf } from '../../../core/domain/claim'
import type { DeciderNote, Noted } from '../../../core/domain/decider-note'
import type { HostUuid } from '../../../core/domain/ids'
import type { KnownClaim } from '../../../core/membership/known-claim'
import { SwitchWatch } from '../../../core/membership/switch-watch'
import type { Timer } from '../../../ports/timers'
import type { WitnessPort } from '../../../ports/witness'
import { unlessUnreachable } from '../claim/claim-keeper'
import type { WorkerParts } from '../parts'
import type { Agreement } from './agreement'
import type { Ear } from './ear'
import { type Pair, portBeside } from './witness-pair'

const LOOK_EVERY_MS = 250
/** A holder renews some times a second; one that did not for so long is none any more. */
const HOLDS_FOR_MS = 2000
/** A link that ends is up again at once, or its primary's other half is not there. */
const EAR_AFTER_MS = 1000

interface Peer {
  readonly host: HostUuid
  /** Null: it keeps no notes. */
  readonly tell: ((note: DeciderNote) => void) | null
  noted: Noted | null
}

export class HolderSwitch {
  #peer: Peer | null = null
  #peerLostMs: number
  #renewedMs = Number.NEGATIVE_INFINITY
  #timer: Timer | null = null
  #isLooking = false
  #isOver = false
  readonly #watch: SwitchWatch

  constructor(
    private readonly self: HostUuid,
    private readonly parts: Pair & Pick<WorkerParts, 'clock' | 'timers' | 'switchTimes'>,
    private readonly agreement: Agreement,
    private readonly known: KnownClaim,
    private readonly ear: Ear,
  ) {
    this.#peerLostMs = parts.clock.nowMs()
    this.#watch = new SwitchWatch(this.#peerLostMs, parts.switchTimes)
  }

  /** This host asks for a renewal: it holds the claim, as far as it knows. */
  renews(): void {
    this.#renewedMs = this.parts.clock.nowMs()
    this.#timer ??= this.parts.timers.every(LOOK_EVERY_MS, () => this.#look())
  }

  /** The deciding witness, or the one that is carried to. */
  asked(): void {
    this.#watch.asked()
  }

  /** By either of them. */
  answered(): void {
    this.#watch.answered()
  }

  peerUp(host: HostUuid, tell: Peer['tell']): void {
    this.#peer = { host, tell, noted: null }
    this.#tellPeer()
  }

  peerDown(): void {
    if (this.#peer !== null) this.#peerLostMs = this.parts.clock.nowMs()
    this.#peer = null
  }

  peerNoted(noted: Noted): void {
    const peer = this.#peer
    if (peer === null) return
    peer.noted = noted
    this.agreement.confirmed(peer.host, noted)
    const { generation, pending } = this.agreement.note
    if (pending !== null && this.#agrees(noted))
      this.agreement.feed({ on: 'promised', host: peer.host, generation, term: pending.term })
  }

  /** Everybody whom `next` lists anew has noted who decides; compared right before the change is asked for. */
  mayList(next: Claim): boolean {
    const { generation } = this.agreement.note
    if (generation < 1 || next.holder !== this.self) return true
    const listed = this.known.stored === null ? [] : hostsOf(this.known.stored.claim)
    const anew = hostsOf(next).filter((host) => host !== this.self && !listed.includes(host))
    if (anew.every((host) => host === this.#peer?.host && this.#peer.noted !== null && this.#agrees(this.#peer.noted)))
      return true
    this.#tellPeer()
    return false
  }

  end(): void {
    this.#isOver = true
    this.#timer?.stop()
    void this.ear.close()
  }

  /** It has noted the same; of what is pending here, that very claim or that it is decided. */
  #agrees({ generation, by, pendingTerm }: Noted): boolean {
    const { note } = this.agreement
    if (generation !== note.generation || by !== note.by) return false
    return pendingTerm === null || pendingTerm === note.pending?.term
  }

  #tellPeer(): void {
    const peer = this.#peer
    if (peer?.tell == null || this.agreement.isSaving || !this.agreement.hasNote) return
    // Whoever has it carries it, and only those whom the claim lists are remembered as such until they have heard the end of it.
    const { pending } = this.agreement.note
    if (pending !== null && !hostsOf(pending).includes(peer.host)) return
    if (peer.noted === null || !this.#agrees(peer.noted) || (pending === null && peer.noted.pendingTerm !== null))
      peer.tell(this.agreement.note)
  }

  #look(): void {
    const { agreement, parts } = this
    const nowMs = parts.clock.nowMs()
    this.#watch.look(nowMs, parts.witness.reachable)
    this.#tellPeer()
    const { note } = agreement
    const isPending = note.pending !== null
    if (isPending && this.#peer === null && nowMs >= this.#peerLostMs + EAR_AFTER_MS) this.ear.open(note.pending.term)
    else void this.ear.close()
    if (nowMs >= this.#renewedMs + HOLDS_FOR_MS || parts.alternate === null) return
    // What was not answered is carried again.
    if (isPending) agreement.feed({ on: 'finish', noted: [] })
    const other = portBeside(parts, note.by)
    if (this.#watch.isSilent) void this.#switch(other)
    else if (!isPending && other === parts.witness && this.#watch.preferredIsBack) void this.#switch(other)
  }

  async #switch(to: WitnessPort | null): Promise<void> {
    const before = this.#carried()
    if (to === null || before === null || this.#isLooking) return
    this.#isLooking = true
    const found = await unlessUnreachable(to.read(before.vm))
    this.#isLooking = false
    const { note } = this.agreement
    const stored = this.#carried()
    if (found === undefined || stored === null || to.id === null || to.id === note.by) return
    const decision = found?.claim.decided
    if (found !== null && decision !== undefined && generationOf(found.claim) > note.generation) {
      this.agreement.feed({ on: 'word', decision, term: 0 })
      return
    }
    if (this.agreement.isSaving) return
    this.agreement.feed({ on: 'switch', to: to.id, stored })
    this.#watch.answered()
  }

  /** What a switch that begins now would carry; null while it could not be ended. */
  #carried(): Claim | null {
    const claim = this.agreement.note.pending ?? this.known.widest
    if (this.#isOver || claim?.holder !== this.self) return null
    const others = hostsOf(claim).filter((host) => host !== this.self)
    return others.every((host) => host === this.#peer?.host && this.#peer.tell !== null) ? claim : null
  }
}

/**
 * Two witnesses as one: asks the one that decides about the VM, and is unreachable while that is being changed. With one witness, and no
 * note of another, it is that one and nothing else.
 *
 * Must never: give an answer that was asked for under what this host has left; let a claim list a host that has not noted who decides.
 */
import type { Claim, StoredClaim } from '../../../core/domain/claim'
import { generationOf } from '../../../core/domain/claim'
import type { DeciderNote, Noted } from '../../../core/domain/decider-note'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import { vmUuid } from '../../../core/domain/ids'
import { KnownClaim } from '../../../core/membership/known-claim'
import { type CasAnswer, type RenewAnswer, WitnessUnreachable, type WitnessPort } from '../../../ports/witness'
import type { WorkerSpec, WorkerStatus } from '../../../wire/worker-api'
import { unlessUnreachable } from '../claim/claim-keeper'
import type { WorkerParts } from '../parts'
import { Agreement } from './agreement'
import { hearPending } from './damaged-note'
import { Ear } from './ear'
import { forgetElsewhere, readElsewhere } from './forget-claim'
import { HolderSwitch } from './holder-switch'
import { tellOfSwitch } from './switch-text'
import { type Pair, portBeside, portNamed, readBoth } from './witness-pair'

export type DecidingParts = Pair &
  Pick<WorkerParts, 'clock' | 'timers' | 'log' | 'timeline' | 'claimNotes' | 'switchTimes' | 'listenPeer'>

/** One VM's, from the first question about it on. */
interface Vm {
  readonly vm: VmUuid
  readonly agreement: Agreement
  readonly known: KnownClaim
  readonly holder: HolderSwitch
  readonly ear: Ear
  carrying: Promise<void>
}

const outdated = (current: StoredClaim | null): CasAnswer => ({ stored: false, why: 'revision', current, leaseLeftMs: 0 })

export class DecidingWitness implements WitnessPort {
  #loading: { readonly vm: string; readonly state: Promise<Vm | null> } | null = null
  #state: Vm | null = null
  /** As the link has it; a VM that is protected later finds it here. */
  #peer: { readonly host: HostUuid; readonly tell: ((note: DeciderNote) => void) | null } | null = null
  #isOver = false

  private readonly self: HostUuid

  constructor(
    private readonly spec: () => WorkerSpec,
    private readonly parts: DecidingParts,
  ) {
    this.self = spec().host
  }

  // --- for the operator, and for the worker's start -----------------------------------------------------------------------

  get id(): string | null {
    return this.#state?.agreement.witness ?? this.parts.witness.id
  }

  get reachable(): boolean {
    const state = this.#state
    if (state === null) return this.parts.witness.reachable
    const { witness, hasNote } = state.agreement
    return witness === null ? !hasNote && this.parts.witness.reachable : (portNamed(this.parts, witness)?.reachable ?? false)
  }

  /** Nothing where there is one witness, and always was. */
  get decides(): Pick<WorkerStatus, 'decidedBy'> {
    if (this.#state === null) return {}
    const { witness } = this.#state.agreement
    if (witness === null) return { decidedBy: null }
    return { decidedBy: witness === this.parts.witness.id ? 'preferred' : 'alternate' }
  }

  get keepsNotes(): boolean {
    return this.parts.alternate !== null || this.#state !== null
  }

  /** Nobody can tell what this host agreed to, and it waits for the word of a living holder. */
  async isDamaged(vm: string): Promise<boolean> {
    const state = await this.#load(vm)
    if (state?.agreement.isDamaged !== true) return false
    state.ear.open(0)
    return true
  }

  /** Where it listened for a holder its secondary listens from now on. */
  async roleKnown(): Promise<void> {
    await this.#state?.ear.close()
  }

  /** A switch that this host began and did not end: it holds that claim, by its peer's promises alone. */
  async pendingOwn(vm: string): Promise<Claim | null> {
    const pending = (await this.#load(vm))?.agreement.note.pending ?? null
    return pending?.holder === this.self ? pending : null
  }

  // --- the replication link -----------------------------------------------------------------------------------------------

  /** This host is the primary, and the link is up. `tell`: null if the peer keeps no notes. */
  peerUp(host: HostUuid, tell: ((note: DeciderNote) => void) | null): void {
    this.#peer = { host, tell }
    this.#state?.holder.peerUp(host, tell)
  }

  peerDown(): void {
    this.#peer = null
    this.#state?.holder.peerDown()
  }

  peerNoted(noted: Noted): void {
    this.#state?.holder.peerNoted(noted)
  }

  /** This host is the secondary: what the primary of that term, the highest that is known here, has noted. */
  told(note: DeciderNote, term: number, reply: (noted: Noted) => void): void {
    this.#state?.agreement.hear(note, term, reply)
  }

  // --- the port -----------------------------------------------------------------------------------------------------------

  async read(vm: string): Promise<StoredClaim | null> {
    const state = await this.#load(vm)
    if (state === null) return this.parts.witness.read(vm)
    const { agreement, known } = state
    if (!agreement.hasNote) return this.#firstRead(state)
    if (agreement.witness === null) await this.#finish(state)
    const lost = known.lost()
    const found = await this.#ask(state, (port) => port.read(vm))
    if (found === null) return readElsewhere(state, portBeside(this.parts, agreement.note.by))
    const [here, noted] = [generationOf(found.claim), agreement.note.generation]
    if (here < noted) throw new WitnessUnreachable(`the witness has decision ${here}, and ${noted} was noted: it is an old copy`)
    known.read(found, lost)
    const { decided } = found.claim
    if (here > noted && decided !== undefined) agreement.feed({ on: 'word', decision: decided, term: 0 })
    await agreement.settled()
    return found
  }

  async compareAndSwap(...[expected, next, options]: Parameters<WitnessPort['compareAndSwap']>): Promise<CasAnswer> {
    const state = await this.#load(next.vm)
    if (state === null) return this.parts.witness.compareAndSwap(expected, next, options)
    if (!state.agreement.covers(next)) return outdated(await this.read(next.vm))
    if (!state.holder.mayList(next)) throw new WitnessUnreachable('a host that is to be listed has not noted who decides')
    const change = state.known.ask(next)
    try {
      const answer = await this.#ask(state, (port) => port.compareAndSwap(expected, next, options))
      state.known.answered(change, answer.stored ? { revision: answer.revision, claim: next } : answer.current)
      return answer
    } catch (error) {
      change.isLost = true
      throw error
    }
  }

  async renew(vm: string, term: number, holder: string): Promise<RenewAnswer> {
    const state = await this.#load(vm)
    if (state === null) return this.parts.witness.renew(vm, term, holder)
    state.holder.renews()
    return this.#ask(state, (port) => port.renew(vm, term, holder))
  }

  async remove(seen: StoredClaim): Promise<CasAnswer> {
    const state = await this.#load(seen.claim.vm)
    if (state === null) return this.parts.witness.remove(seen)
    const { vm, agreement } = state
    await forgetElsewhere(vm, agreement, portBeside(this.parts, agreement.note.by))
    const isNow = agreement.covers(seen.claim)
    const answer = isNow ? await this.#ask(state, (port) => port.remove(seen)) : outdated(await this.read(vm))
    if (answer.stored || answer.current === null) await this.#leave(state)
    return answer
  }

  carry(): Promise<never> {
    return Promise.reject(new WitnessUnreachable('only a switch carries a claim'))
  }

  /** Nothing is begun any more. */
  end(): void {
    this.#isOver = true
    this.#state?.holder.end()
    this.#state?.agreement.end()
  }

  close(): void {
    this.end()
    this.parts.witness.close()
    this.parts.alternate?.close()
  }

  // --- one VM -------------------------------------------------------------------------------------------------------------

  #load(vm: string): Promise<Vm | null> {
    if (this.#loading?.vm !== vm) this.#loading = { vm, state: this.#open(vmUuid(vm)) }
    return this.#loading.state
  }

  /** Null: one witness, and nothing noted of another. */
  async #open(vm: VmUuid): Promise<Vm | null> {
    const saved = await this.parts.claimNotes.read(vm)
    if ((saved === null && this.parts.alternate === null) || this.#isOver) return null
    const known = new KnownClaim()
    const agreement: Agreement = new Agreement(this.self, vm, saved, this.parts, {
      carry: ({ decision, claim }) => {
        state.carrying = this.#carry(state, { ...claim, decided: decision })
      },
      changed: () => known.forget(),
      told: (rule, note, isOwn) => tellOfSwitch(vm, rule, note, isOwn, this.parts),
    })
    const ear = new Ear(this.spec, this.parts, (note, term, reply) => {
      if (note.pending === null) agreement.hear(note, term, () => undefined)
      else if (agreement.isDamaged) void hearPending(vm, this.parts, agreement, note, reply)
    })
    const holder = new HolderSwitch(this.self, this.parts, agreement, known, ear)
    const state: Vm = { vm, agreement, known, holder, ear, carrying: Promise.resolve() }
    if (this.#peer !== null) holder.peerUp(this.#peer.host, this.#peer.tell)
    this.#state = state
    return state
  }

  async #leave(state: Vm): Promise<void> {
    state.holder.end()
    state.agreement.end()
    this.#state = null
    await this.parts.claimNotes.forget(state.vm)
    // Not before: whoever asks meanwhile, as a renewal does, would find the note that is about to go, and take it for one that stays.
    this.#loading = null
  }

  async #ask<T>({ agreement, holder }: Vm, ask: (port: WitnessPort) => Promise<T>): Promise<T> {
    const { witness, epoch } = agreement
    const port = witness === null ? null : portNamed(this.parts, witness)
    if (port === null) throw new WitnessUnreachable(agreement.whyNobody)
    holder.asked()
    const answer = await ask(port)
    if (agreement.epoch !== epoch) throw new WitnessUnreachable('it was asked before another witness was to decide')
    holder.answered()
    return answer
  }

  /** Nothing is noted here: what both have tells who decides. */
  async #firstRead(state: Vm): Promise<StoredClaim | null> {
    const { agreement, known, vm } = state
    if (agreement.isDamaged) throw new WitnessUnreachable(agreement.whyNobody)
    const { epoch } = agreement
    const found = await readBoth(vm, this.parts)
    if (agreement.epoch !== epoch) throw new WitnessUnreachable('it was asked before this host noted who decides')
    if (found === null) return null
    agreement.feed({ on: 'word', decision: found.decision, term: 0 })
    await agreement.settled()
    known.read(found.stored)
    return found.stored
  }

  /** A host that has noted what is pending carries the claim itself before it asks for anything. */
  async #finish(state: Vm): Promise<void> {
    state.agreement.feed({ on: 'finish', noted: [] })
    await state.carrying
    if (state.agreement.witness === null) throw new WitnessUnreachable(state.agreement.whyNobody)
  }

  async #carry({ agreement, known, holder }: Vm, claim: Claim): Promise<void> {
    const { epoch } = agreement
    const port = portNamed(this.parts, agreement.note.by)
    holder.asked()
    const found = port === null ? undefined : await unlessUnreachable(port.carry(claim))
    if (agreement.epoch !== epoch) return
    const decision = found?.claim.decided
    if (found == null || decision === undefined) agreement.feed({ on: 'no-answer' })
    else {
      holder.answered()
      agreement.feed({ on: 'has', decision, claim: found.claim })
      known.read(found)
      await agreement.settled()
    }
  }
}

import type { DeciderNote, Noted } from '../../../core/domain/decider-note'
import { type Claim, generationOf, hostsOf } from '../../../core/domain/claim'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import { Decider, type DeciderEffect, type DeciderEvent } from '../../../core/membership/decider'
import type { ClaimNotes } from '../../../ports/claim-notes'
import type { Log } from '../../../ports/log'
import type { Timers } from '../../../ports/timers'

export type Told = Extract<DeciderEffect, { do: 'told' }>['rule']

export interface AgreementNeeds {
  readonly carry: (effect: Extract<DeciderEffect, { do: 'carry' }>) => void
  /** The note is another one, or will be once it is saved: what was asked before means nothing any more. */
  readonly changed: () => void
  /** `note`: as it is saved now. `isOwn`: this host began the switch, or carried the claim for the one that did. */
  readonly told: (rule: Told, note: DeciderNote, isOwn: boolean) => void
}

/** A disk that is full or silent is asked again so often; meanwhile nothing is asked of a witness. */
const SAVE_AGAIN_MS = 1000
/** Of a host that has noted nothing yet. */
const NOTHING: DeciderNote = { generation: -1, by: '', pending: null }

/** What this host has agreed to about one VM's witnesses, on stable storage before it counts. */
export class Agreement {
  #decider: Decider
  #untold: Set<HostUuid>
  #saving: Promise<void> | null = null
  #isOwn = false
  #isOver = false
  #epoch = 0
  #reply: ((noted: Noted) => void) | null = null

  constructor(
    private readonly self: HostUuid,
    private readonly vm: VmUuid,
    saved: DeciderNote | null | 'damaged',
    private readonly parts: { readonly claimNotes: ClaimNotes; readonly timers: Timers; readonly log: Log },
    private readonly needs: AgreementNeeds,
  ) {
    this.isDamaged = saved === 'damaged'
    const note = saved === null || saved === 'damaged' ? NOTHING : saved
    this.#decider = new Decider(self, note)
    this.#untold = new Set(note.untold)
  }

  /** It says nothing, and only the word of a living holder counts. */
  isDamaged: boolean

  get hasNote(): boolean {
    return this.note.generation >= 0
  }

  get note(): DeciderNote {
    return this.#decider.note
  }

  /** Whom to ask; null: nobody, for now. */
  get witness(): string | null {
    return this.hasNote ? this.#decider.witness : null
  }

  /** Or it was seen at another witness, whose revisions mean nothing at the one that decides now. */
  covers(claim: Claim): boolean {
    return generationOf(claim) === this.note.generation
  }

  /** For messages, while no witness is asked. */
  get whyNobody(): string {
    if (this.isDamaged) return 'what this host noted about the witnesses is damaged'
    if (!this.hasNote) return 'this host has noted nothing about the witnesses yet'
    return this.note.pending === null ? `witness ${this.note.by} is not heard` : 'which witness decides is being changed'
  }

  get isSaving(): boolean {
    return this.#saving !== null
  }

  /** Resolves when nothing is being saved. */
  async settled(): Promise<void> {
    while (this.#saving !== null) await this.#saving
  }

  /** What was asked in an earlier one means nothing any more, whatever the answer. */
  get epoch(): number {
    return this.#epoch
  }

  /** Hosts that may still have what was pending here, and do not know what became of it. */
  get untold(): ReadonlySet<HostUuid> {
    return this.#untold
  }

  /** As it is told to others. */
  get noted(): Noted {
    const { generation, by, pending } = this.note
    return { generation, by, pendingTerm: pending?.term ?? null }
  }

  /** While a note is being saved nothing else is heard; whoever says it says it again. */
  feed(event: DeciderEvent): void {
    if (this.isSaving) return
    if (event.on === 'switch' || (event.on === 'has' && this.note.pending !== null)) this.#isOwn = true
    else if (event.on === 'asked' || (event.on === 'word' && this.note.pending?.holder !== this.self)) this.#isOwn = false
    this.#run(this.#decider.apply(event))
  }

  /** What the holder says on the replication link; `reply` once as much is noted here. */
  hear(note: DeciderNote, term: number, reply: (noted: Noted) => void): void {
    if (this.isSaving) return
    this.#reply = reply
    if (note.pending !== null) this.feed({ on: 'asked', note, term })
    else {
      this.feed({ on: 'word', decision: note, term })
      if (this.#saving === null) this.#answer()
    }
  }

  /** What this host had noted is of a claim that is gone. */
  startAnew(): void {
    if (this.isSaving) return
    this.#decider = new Decider(this.self, NOTHING)
    this.#epoch += 1
  }

  /** The same, and there is no later one yet, whose decisions count from 0 again. Resolves when nothing is noted any more. */
  async forget(): Promise<void> {
    if (this.isSaving || this.#isOver) return
    this.#saving = this.#forget()
    await this.#saving
  }

  /** That host knows what is decided. */
  confirmed(host: HostUuid, { generation, pendingTerm }: Noted): void {
    if (pendingTerm === null && generation >= this.note.generation) this.#untold.delete(host)
  }

  end(): void {
    this.#isOver = true
  }

  #answer(): void {
    const reply = this.#reply
    this.#reply = null
    if (this.hasNote) reply?.(this.noted)
  }

  #run(effects: readonly DeciderEffect[]): void {
    for (const effect of effects) {
      switch (effect.do) {
        case 'note':
          this.#saving = this.#save(effect.note)
          break
        case 'carry':
          this.needs.carry(effect)
          break
        case 'promise':
          this.#answer()
          break
        case 'refuse':
          this.#reply = null
          this.parts.log.info('a switch of witnesses is not agreed to', { vm: this.vm, rule: effect.rule })
          break
        case 'told':
          this.needs.told(effect.rule, this.note, this.#isOwn)
          break
        // Each note begins an epoch; and the peers are told what it says for as long as they have noted something else.
        case 'forget-requests':
        case 'ask-peers':
      }
    }
  }

  /** What cannot be forgotten now still counts. */
  async #forget(): Promise<void> {
    try {
      await this.parts.claimNotes.forget(this.vm)
      this.#saving = null
      this.#untold.clear()
      this.startAnew()
    } catch (error) {
      this.parts.log.error('what was agreed about the witnesses of a claim that is gone cannot be forgotten', {
        vm: this.vm,
        error: String(error),
      })
      this.#saving = null
    }
  }

  async #save(note: DeciderNote): Promise<void> {
    this.#epoch += 1
    this.needs.changed()
    const untold = [...this.#untold]
    if (note.pending !== null) {
      const listed = hostsOf(note.pending).filter((host) => host !== this.self)
      this.#untold = new Set([...untold, ...listed])
    }
    const saved = { ...note, ...(this.#untold.size > 0 ? { untold: [...this.#untold] } : {}) }
    for (;;) {
      try {
        await this.parts.claimNotes.save(this.vm, saved)
        break
      } catch (error) {
        this.parts.log.error('what was agreed about the witnesses cannot be noted', { vm: this.vm, error: String(error) })
      }
      await this.parts.timers.pause(SAVE_AGAIN_MS)
      if (this.#isOver) return
    }
    this.isDamaged = false
    this.#saving = null
    this.#run(this.#decider.apply({ on: 'noted' }))
    // The word of the holder, noted; a promise has answered already.
    if (note.pending === null) this.#answer()
  }
}

/**
 * Which of two witnesses decides about a VM, as one host knows it. Decisions are numbered by generation, and each generation belongs to one
 * witness. Every host that a claim lists keeps a durable note of the highest generation that it agreed to, and acts under no other.
 *
 *     holder:  note what is pending ──> every listed host notes it ──> carry the claim to the next witness ──> note that it is decided
 *
 * While it is pending the former witness is asked for nothing any more: the holder lives on its peers' promises. Whoever could act by the
 * former witness's record has noted the next generation before a record of that exists, so the two never decide side by side. When the
 * holder dies in between, a listed host that has the note carries the same claim itself, and goes on from there as always.
 *
 * Must never: let anything be asked of a witness under a generation that this host has left; carry a claim that a listed host may not have
 * noted; take a pending note back but at the word of a holder of a higher term. The model of it for spin is docs/model/switch.pml.
 */
import { assert } from '../domain/assert'
import type { Claim, Decision } from '../domain/claim'
import type { DeciderNote } from '../domain/decider-note'
import type { HostUuid } from '../domain/ids'

export type DeciderEvent =
  /** The holder's: from now on another witness is to decide. `stored`: the claim, with everybody listed whom it lists or may list by now. */
  | { readonly on: 'switch'; readonly to: string; readonly stored: Claim }
  /** The last note is on stable storage. */
  | { readonly on: 'noted' }
  /** The holder asks this host, which its claim lists, to note; `term`: the highest that this host has seen. */
  | { readonly on: 'asked'; readonly note: DeciderNote; readonly term: number }
  /** A listed host has noted that claim of that generation: a spent holder and its successor can come to the same generation. */
  | { readonly on: 'promised'; readonly host: HostUuid; readonly generation: number; readonly term: number }
  /** The holder is suspected: finish what it began. `noted`: other hosts that are known to have noted it. */
  | { readonly on: 'finish'; readonly noted: readonly HostUuid[] }
  /** What the witness that was carried to has now, whether this carry changed it or not. */
  | { readonly on: 'has'; readonly decision: Decision; readonly claim: Claim }
  | { readonly on: 'no-answer' }
  /** The word of a living holder, on the replication link: under what it acts, and its term. Also before a claim lists this host. */
  | { readonly on: 'word'; readonly decision: Decision; readonly term: number }

export type DeciderEffect =
  /** Save it durably; answered by `noted` before anything else is done. */
  | { readonly do: 'note'; readonly note: DeciderNote }
  /** To every other host that the claim lists. */
  | { readonly do: 'ask-peers'; readonly note: DeciderNote }
  | { readonly do: 'promise'; readonly generation: number; readonly term: number }
  /** What the asker has to know first. */
  | { readonly do: 'refuse'; readonly rule: 'old-generation' | 'old-term' }
  /** A swap that may raise the generation of what `by` has, and nothing else. */
  | { readonly do: 'carry'; readonly decision: Decision; readonly claim: Claim }
  /** What was asked of a witness before means nothing any more, whatever it answers. */
  | { readonly do: 'forget-requests' }
  | {
      readonly do: 'told'
      readonly rule: 'switch-begun' | 'switch-decided' | 'switch-overtaken' | 'switch-void'
      readonly decision: Decision
    }

export class Decider {
  #note: DeciderNote
  #then: (() => void) | null = null
  #promised = new Set<HostUuid>()
  #carrying = false
  #out: DeciderEffect[] = []

  /** `note`: as it was saved; of a host that has none, the higher generation of what both witnesses have. */
  constructor(
    readonly self: HostUuid,
    note: DeciderNote,
  ) {
    this.#note = note
  }

  get note(): DeciderNote {
    return this.#note
  }

  /** Whom to ask for anything about the claim; null: nobody, for now. */
  get witness(): string | null {
    return this.#note.pending === null && this.#then === null ? this.#note.by : null
  }

  apply(event: DeciderEvent): readonly DeciderEffect[] {
    this.#out = []
    switch (event.on) {
      case 'switch':
        this.#switch(event.to, event.stored)
        break
      case 'noted': {
        const then = this.#then
        assert(then !== null, 'a note was being saved')
        this.#then = null
        then()
        break
      }
      case 'asked':
        this.#asked(event.note, event.term)
        break
      case 'promised':
        if (event.generation === this.#note.generation && event.term === this.#note.pending?.term) this.#promised.add(event.host)
        this.#carry()
        break
      case 'finish':
        for (const host of event.noted) this.#promised.add(host)
        this.#carry()
        break
      case 'has':
        this.#has(event.decision, event.claim)
        break
      case 'no-answer':
        this.#carrying = false
        break
      case 'word':
        this.#word(event.decision, event.term)
        break
    }
    return this.#out
  }

  /** One that is pending is replaced, never taken back: somebody may have noted it. */
  #switch(to: string, stored: Claim): void {
    assert(this.#then === null, 'one note is saved at a time')
    const pending = this.#note.pending ?? stored
    assert(pending.holder === this.self, 'the holder begins a switch')
    const note = { generation: this.#note.generation + 1, by: to, pending }
    this.#save(note, () => {
      this.#tell('switch-begun')
      this.#out.push({ do: 'ask-peers', note })
      this.#carry()
    })
  }

  #asked(note: DeciderNote, term: number): void {
    const { pending } = note
    assert(pending !== null, 'a claim is asked to be noted')
    if (this.#then !== null) return
    const [mine, promise] = [this.#note, { do: 'promise', generation: note.generation, term: pending.term } as const]
    const isSame = note.generation === mine.generation && pending.term === mine.pending?.term
    if (note.generation < mine.generation) this.#out.push({ do: 'refuse', rule: 'old-generation' })
    else if (pending.term < Math.max(term, mine.pending?.term ?? 0)) this.#out.push({ do: 'refuse', rule: 'old-term' })
    // One that knows it to be decided agrees as well: what the witness has then tells the holder.
    else if (isSame || (note.generation === mine.generation && mine.pending === null)) this.#out.push(promise)
    else {
      this.#out.push({ do: 'forget-requests' })
      this.#save(note, () => this.#out.push(promise))
    }
  }

  #carry(): void {
    const { pending, generation, by } = this.#note
    if (pending === null || this.#then !== null || this.#carrying) return
    const listed = new Set(Object.values(pending.upToDate).flat())
    // Its holder noted it before it asked anybody.
    const lacking = [...listed].filter((host) => host !== this.self && host !== pending.holder && !this.#promised.has(host))
    if (lacking.length > 0) return
    this.#carrying = true
    this.#out.push({ do: 'carry', decision: { generation, by }, claim: pending })
  }

  #has(decision: Decision, claim: Claim): void {
    this.#carrying = false
    const { pending, generation } = this.#note
    if (pending === null || this.#then !== null || decision.generation < generation) return
    const isOurs = claim.term === pending.term && claim.holder === pending.holder
    this.#save({ ...decision, pending: null }, () =>
      this.#tell(decision.generation === generation && isOurs ? 'switch-decided' : 'switch-overtaken'),
    )
  }

  #word(decision: Decision, term: number): void {
    if (this.#then !== null) return
    const { pending, generation } = this.#note
    const isHigher = decision.generation > generation || (decision.generation === generation && pending !== null)
    // A higher term under an earlier generation: one of those whom the pending claim lists acted there before it noted, and never will.
    const isVoid = pending !== null && term > pending.term && decision.generation < generation
    if (!isHigher && !isVoid) return
    this.#out.push({ do: 'forget-requests' })
    this.#save({ generation: decision.generation, by: decision.by, pending: null }, () =>
      this.#tell(isVoid ? 'switch-void' : 'switch-decided'),
    )
  }

  #save(note: DeciderNote, then: () => void): void {
    this.#note = note
    this.#promised = new Set()
    this.#carrying = false
    this.#then = then
    this.#out.push({ do: 'note', note })
  }

  #tell(rule: Extract<DeciderEffect, { do: 'told' }>['rule']): void {
    const { generation, by } = this.#note
    this.#out.push({ do: 'told', rule, decision: { generation, by } })
  }
}

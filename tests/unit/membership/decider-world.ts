import { type Claim, type Decision, isUpToDateEverywhere } from '../../../lib/core/domain/claim'
import type { DeciderNote } from '../../../lib/core/domain/decider-note'
import { hostUuid, type HostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Decider, type DeciderEffect, type DeciderEvent } from '../../../lib/core/membership/decider'
import type { Dice } from '../../world/prng'

const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')
export const HOSTS = ['a', 'b', 'c'].map((letter) => hostUuid(`${letter.repeat(8)}-0000-4000-8000-000000000001`))
const WITNESSES = ['p', 'q']
const claimOf = (holder: HostUuid, term: number, hosts: readonly HostUuid[]): Claim => ({
  ...{ vm: VM, term, holder, leaseMs: 1500, upToDate: { [DISK]: hosts }, lockstep: null },
})
const listedIn = (claim: Claim): readonly HostUuid[] => claim.upToDate[DISK] ?? []

interface Stored {
  readonly decision: Decision
  readonly claim: Claim
  readonly revision: number
}

/** A host: what it keeps, the process that runs, and what that believes to hold. */
interface Host {
  readonly uuid: HostUuid
  note: DeciderNote
  /** The highest term it has served or heard of; kept with its replica. */
  term: number
  decider: Decider
  /** As its witness had it when it last answered; null: not the holder, as far as it knows. */
  held: Stored | null
  /** What it asked of a witness, and not yet of an older process. */
  life: number
  saving: DeciderNote | null
  /** A change of the claim is under way, and nobody knows. */
  isUnsure: boolean
}

/**
 * Hosts, two witnesses, and messages that are lost, late, repeated and overtaken. Leases are left out: anybody may take at any moment what a
 * witness's record lets it take. All that may not happen is that two generations decide side by side.
 */
export class DeciderWorld {
  readonly records = new Map<string, Stored>()
  readonly hosts: Host[]
  readonly seen = new Map<string, number>()
  private letters: { readonly to: string; readonly act: () => void }[] = []
  private silent = new Set<string>()
  private asked = 0
  private readonly heard = new Map<string, number>()
  private readonly last = new Map<string, number>()

  constructor(
    private readonly dice: Dice,
    size: number,
  ) {
    const [first] = HOSTS as [HostUuid]
    const stored = { decision: { generation: 1, by: 'p' }, claim: claimOf(first, 1, HOSTS.slice(0, size)), revision: 1 }
    this.records.set('p', stored)
    const note = { generation: 1, by: 'p', pending: null }
    this.hosts = HOSTS.slice(0, size).map((uuid) => ({
      ...{ uuid, note, term: 1, decider: new Decider(uuid, note), held: uuid === first ? stored : null },
      ...{ life: 0, saving: null, isUnsure: false },
    }))
  }

  turn(): void {
    const { dice } = this
    const host = dice.of(this.hosts)
    if (dice.chance(0.4) && this.letters.length > 0) this.deliver()
    else if (dice.chance(0.3)) this.save(host)
    else if (dice.chance(0.03)) this.restart(host)
    else if (dice.chance(0.04)) this.silent = new Set(WITNESSES.filter(() => dice.chance(0.3)))
    else this.wish(host)
    this.judge()
  }

  /** Whoever an older record lets act has left its generation. */
  private judge(): void {
    const newest = Math.max(...[...this.records.values()].map(({ decision }) => decision.generation))
    for (const { decision, claim } of this.records.values()) {
      if (decision.generation === newest) continue
      for (const host of this.hosts) {
        const mayAct = listedIn(claim).includes(host.uuid) || claim.holder === host.uuid
        if (mayAct && host.note.generation <= decision.generation)
          throw new Error(
            `${host.uuid} may act under ${decision.generation}, and ${newest} decides: ${JSON.stringify(this.hosts)}`,
          )
      }
    }
  }

  private count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  private wish(host: Host): void {
    const { dice } = this
    const { held } = host
    const kind = dice.of(['switch', 'swap', 'swap', 'take', 'word', 'finish', 'carry-again'] as const)
    if (kind === 'take') this.take(host)
    else if (kind === 'finish') this.feed(host, { on: 'finish', noted: this.noted(host) })
    else if (kind === 'carry-again') this.feed(host, { on: 'no-answer' })
    else if (held !== null && host.saving === null) {
      if (kind === 'word') this.word(host, held)
      else if (kind === 'swap') this.swap(host, held)
      else if (!host.isUnsure && dice.chance(0.3)) {
        const pending = host.decider.note.pending
        if (pending !== null && pending.holder !== host.uuid) return
        this.feed(host, { on: 'switch', to: host.decider.note.by === 'p' ? 'q' : 'p', stored: held.claim })
      }
    }
  }

  /** Asked of the others by whoever finishes; an answer is what is on their stable storage. */
  private noted(host: Host): HostUuid[] {
    const { generation, pending } = host.decider.note
    const same = this.hosts.filter(({ note }) => note.generation === generation && note.pending?.term === pending?.term)
    return same.map(({ uuid }) => uuid)
  }

  private word(host: Host, { claim }: Stored): void {
    const { witness, note } = host.decider
    if (witness === null) return
    const decision = { generation: note.generation, by: note.by }
    for (const other of this.hosts)
      if (other !== host)
        this.send(other, () => {
          if (claim.term < other.term) return
          other.term = Math.max(other.term, claim.term)
          this.feed(other, { on: 'word', decision, term: claim.term })
        })
  }

  /** Drops somebody, or adds one that has noted the generation already. */
  private swap(host: Host, held: Stored): void {
    const { witness, note } = host.decider
    if (witness === null || host.isUnsure || note.generation !== held.decision.generation) return
    const other = this.dice.of(this.hosts)
    const listed = listedIn(held.claim)
    if (other === host) return
    const isIn = listed.includes(other.uuid)
    if (!isIn && (other.note.generation !== note.generation || other.note.pending !== null || other.term > held.claim.term))
      return
    const next = claimOf(
      host.uuid,
      held.claim.term,
      isIn ? listed.filter((each) => each !== other.uuid) : [...listed, other.uuid],
    )
    host.isUnsure = true
    this.ask(host, witness, (stored) => {
      if (stored.revision !== held.revision || stored.decision.generation !== held.decision.generation) return
      this.records.set(witness, { ...stored, claim: next, revision: stored.revision + 1 })
    })
  }

  private take(host: Host): void {
    const { witness, note } = host.decider
    const seen = witness === null ? undefined : this.records.get(witness)
    if (witness === null || seen?.decision.generation !== note.generation || host.held !== null) return
    const next = claimOf(host.uuid, seen.claim.term + 1, [host.uuid])
    this.ask(host, witness, (stored) => {
      const isListed = isUpToDateEverywhere(stored.claim, host.uuid) && stored.claim.holder !== host.uuid
      if (stored.revision !== seen.revision || !isListed) return
      this.count('taken')
      this.records.set(witness, { ...stored, claim: next, revision: stored.revision + 1 })
    })
  }

  /** A change of a record, whose answer is what the record is then; both may be late or lost. */
  private ask(host: Host, witness: string, change: (stored: Stored) => void): void {
    const { life } = host
    const request = this.numbered(host, witness)
    this.letters.push({
      to: witness,
      act: () => {
        if (!request.isHeard()) return
        const stored = this.records.get(witness)
        if (stored !== undefined) change(stored)
        const now = this.records.get(witness)
        if (now === undefined || this.dice.chance(0.2)) return
        this.letters.push({ to: host.uuid, act: () => request.isLast() && this.told(host, life, now) })
      },
    })
  }

  /** See WitnessPort: what is answered later is answered when what was asked earlier can change nothing any more. */
  private numbered(host: Host, witness: string): { isHeard: () => boolean; isLast: () => boolean } {
    const road = `${host.uuid} ${witness}`
    const number = ++this.asked
    this.last.set(road, number)
    return {
      isHeard: () => {
        if (number < (this.heard.get(road) ?? 0)) return false
        this.heard.set(road, number)
        return true
      },
      isLast: () => this.last.get(road) === number,
    }
  }

  private told(host: Host, life: number, now: Stored): void {
    const { note, witness } = host.decider
    if (life !== host.life || witness !== now.decision.by || note.generation !== now.decision.generation) return
    host.isUnsure = false
    host.held = now.claim.holder === host.uuid ? now : null
    host.term = Math.max(host.term, now.claim.term)
  }

  private feed(host: Host, event: DeciderEvent): void {
    if (host.saving !== null && event.on !== 'noted') return
    for (const effect of host.decider.apply(event)) this.carryOut(host, effect)
  }

  private carryOut(host: Host, effect: DeciderEffect): void {
    switch (effect.do) {
      case 'note':
        host.saving = effect.note
        break
      case 'ask-peers':
        for (const other of this.hosts) {
          if (other === host || effect.note.pending === null || !listedIn(effect.note.pending).includes(other.uuid)) continue
          this.send(other, () => this.feed(other, { on: 'asked', note: effect.note, term: other.term }))
        }
        break
      case 'promise':
        for (const other of this.hosts)
          if (other !== host) this.send(other, () => this.feed(other, { ...effect, on: 'promised', host: host.uuid }))
        break
      case 'refuse':
        this.count(effect.rule)
        break
      case 'carry': {
        const { decision, claim } = effect
        const { life } = host
        const request = this.numbered(host, decision.by)
        this.letters.push({
          to: decision.by,
          act: () => {
            if (!request.isHeard()) return
            const stored = this.records.get(decision.by)
            if (stored === undefined || decision.generation > stored.decision.generation) {
              this.count(claim.holder === host.uuid ? 'carried' : 'carried by a peer')
              this.records.set(decision.by, { decision, claim, revision: (stored?.revision ?? 0) + 1 })
            }
            const now = this.records.get(decision.by) as Stored
            if (this.dice.chance(0.2)) return
            this.letters.push({ to: host.uuid, act: () => request.isLast() && this.has(host, life, now) })
          },
        })
        break
      }
      case 'forget-requests':
        host.life += 1
        host.isUnsure = false
        host.held = null
        break
      case 'told':
        this.count(effect.rule)
    }
  }

  private has(host: Host, life: number, now: Stored): void {
    if (life !== host.life || host.saving !== null) return
    const { pending } = host.decider.note
    if (pending === null || now.decision.by !== host.decider.note.by) return
    this.feed(host, { on: 'has', decision: now.decision, claim: now.claim })
    host.held = now.claim.holder === host.uuid ? now : null
  }

  private send(to: Host, act: () => void): void {
    this.letters.push({ to: to.uuid, act })
    if (this.dice.chance(0.1)) this.letters.push({ to: to.uuid, act })
  }

  private deliver(): void {
    const letter = this.dice.of(this.letters)
    if (this.silent.has(letter.to)) return
    this.letters = this.letters.filter((each) => each !== letter)
    if (!this.dice.chance(0.1)) letter.act()
  }

  private save(host: Host): void {
    if (host.saving === null) return
    host.note = host.saving
    host.saving = null
    this.feed(host, { on: 'noted' })
  }

  /** A process that was saving may have saved it. It reads its record again before it holds anything. */
  private restart(host: Host): void {
    this.count('restart')
    if (host.saving !== null && this.dice.chance(0.5)) host.note = host.saving
    Object.assign(host, { saving: null, held: null, isUnsure: false, life: host.life + 1 })
    host.decider = new Decider(host.uuid, host.note)
    const { witness } = host.decider
    if (witness !== null) this.ask(host, witness, () => undefined)
  }
}

/**
 * How one silent host is fenced, rung by rung: its leases run out (the witness says so), its power is switched off, an operator
 * confirms that it is off. The rungs that are always there, the refusals of replica and witness, need no asking. Its power is switched
 * off for nothing less than a VM that can be had by it: a host that is only cut off from here may serve others.
 *
 *     seen ── silent on every link ──> lease ── too long, a VM at stake ──> power ── no proof ──> operator
 *      ^                                 │ over: nobody needs a proof        │ off, off            │ confirmed, and on stable storage
 *      └── any sign of the host, anywhere, from every rung and proof ────────┴──────────> proof <──┘
 *
 * Must never: answer a proof for what was only asked for; keep one after any sign of the host; offer an operator what may be wrong.
 */
import type { FenceProof, Objection, VoidRule } from '../domain/fence'
import type { HostUuid } from '../domain/ids'
import type { LadderEffect, LadderEvent } from './events'
import { PROOF_LASTS_MS, type PowerQuestion, PowerRung } from './power-rung'

/**
 * A host is silent for so long before its power is touched; no longer than its leases last. Longer: the guests of a pool with long
 * leases wait. Less: a host whose links blinked is switched off, with all that nobody protects on it.
 */
export const POWER_AFTER_MS = 3000
/** How long the power switch has the time to itself before an operator is asked. */
export const POWER_TRIAL_MS = 15_000
/** What other hosts hear is asked again and again; older word than this does not count. */
export const OTHERS_WORD_MS = 5000

export interface LadderOptions {
  readonly host: HostUuid
  /** After which a holder has stopped by itself: leaseOverAfterMs of the longest lease in the pool. */
  readonly leaseOverMs: number
  readonly hasPower: boolean
  /** An operator's word from before this process began. It counts when the host turns out to be silent still. */
  readonly confirmed: boolean
}

export class FenceLadder {
  readonly #power = new PowerRung()
  #nowMs = Number.NEGATIVE_INFINITY
  #suspectedAtMs: number | null = null
  #leaseOver = false
  #isAtStake = false
  #others: { readonly hosts: readonly HostUuid[]; readonly atMs: number } | null = null
  #operator: 'silent' | 'saving' | 'confirmed'
  #saves = 0
  #proof: FenceProof | null = null
  #offered: Objection | null = 'not-suspected'
  #out: LadderEffect[] = []

  constructor(private readonly options: LadderOptions) {
    this.#operator = options.confirmed ? 'confirmed' : 'silent'
  }

  /** What counts at this moment. */
  proof(nowMs: number): FenceProof | null {
    return this.#proof !== null && nowMs < (this.#proof.voidAtMs ?? Number.POSITIVE_INFINITY) ? this.#proof : null
  }

  apply(event: LadderEvent): readonly LadderEffect[] {
    this.#out = []
    this.#nowMs = Math.max(this.#nowMs, event.atMs)
    if (this.#power.lapsed(this.#nowMs)) this.#void('proof-lapsed')
    switch (event.on) {
      case 'suspected':
        this.#suspectedAtMs ??= this.#nowMs
        break
      case 'seen':
        this.#sign('host-seen')
        this.#suspectedAtMs = null
        break
      case 'others-see':
        this.#others = { hosts: event.hosts, atMs: this.#nowMs }
        if (event.hosts.length > 0) this.#sign('seen-by-others')
        break
      case 'lease-over':
        this.#leaseOver = this.#suspectedAtMs !== null
        break
      case 'at-stake':
        this.#isAtStake = event.isAtStake
        break
      case 'asked':
        this.#power.asked(event.ask, this.#nowMs)
        break
      case 'power':
        this.#power.looked(event.ask, event.status, this.#nowMs)
        if (this.#power.saysOn) this.#void('power-is-on')
        break
      case 'operator-confirms':
        this.#confirm(event.who)
        break
      case 'saved':
      case 'not-saved':
        if (this.#operator === 'saving' && event.save === this.#saves)
          this.#operator = event.on === 'saved' ? 'confirmed' : 'silent'
        break
      case 'tick':
        break
    }
    this.#upkeep()
    return this.#out
  }

  #upkeep(): void {
    const question = this.#climbs() ? this.#power.next(this.#nowMs) : null
    if (question !== null) this.#out.push(effectOf(question))
    this.#prove()
    const against = this.#objection()
    if (against === this.#offered) return
    this.#offered = against
    this.#out.push({ do: 'offer', against })
  }

  /** The first rung has had its time, and did not end it. */
  #climbs(): boolean {
    const { hasPower, leaseOverMs } = this.options
    if (!hasPower || this.#suspectedAtMs === null || this.#leaseOver) return false
    if (this.#nowMs < this.#suspectedAtMs + Math.min(leaseOverMs, POWER_AFTER_MS)) return false
    return this.#isAtStake && this.#othersHear() === false
  }

  #prove(): void {
    const { host } = this.options
    const { provenAtMs } = this.#power
    if (this.#proof?.by === 'operator') return
    if (this.#operator === 'confirmed' && this.#isSilentEverywhere())
      this.#tell({ host, by: 'operator', atMs: this.#nowMs, voidAtMs: null })
    else if (provenAtMs !== null && provenAtMs !== this.#proof?.atMs)
      this.#tell({ host, by: 'power', atMs: provenAtMs, voidAtMs: provenAtMs + PROOF_LASTS_MS })
  }

  #tell(proof: FenceProof): void {
    this.#proof = proof
    this.#out.push({ do: 'proof', proof })
  }

  #isSilentEverywhere(): boolean {
    return this.#suspectedAtMs !== null && this.#othersHear() === false && !this.#power.saysOn
  }

  /** Null: nobody has said so lately. */
  #othersHear(): boolean | null {
    if (this.#others === null || this.#nowMs >= this.#others.atMs + OTHERS_WORD_MS) return null
    return this.#others.hosts.length > 0
  }

  #sign(rule: VoidRule): void {
    this.#void(rule)
    this.#power.forget()
    this.#leaseOver = false
    this.#others = rule === 'host-seen' ? null : this.#others
    // Silent again, it begins at the first rung: it may hold leases anew.
    if (this.#suspectedAtMs !== null) this.#suspectedAtMs = this.#nowMs
  }

  #void(rule: VoidRule): void {
    // A switch that forgot to answer says nothing against an operator's word.
    if (rule !== 'proof-lapsed' && this.#operator !== 'silent') {
      this.#operator = 'silent'
      this.#out.push({ do: 'forget' })
    } else if (this.#proof?.by === 'operator') return
    if (this.#proof === null) return
    this.#proof = null
    this.#out.push({ do: 'void', rule })
  }

  #confirm(who: string): void {
    const against = this.#objection()
    if (against !== null) {
      this.#out.push({ do: 'refuse', against })
      return
    }
    this.#operator = 'saving'
    this.#saves += 1
    this.#out.push({ do: 'save', save: this.#saves, who })
  }

  #objection(): Objection | null {
    const { hasPower, leaseOverMs } = this.options
    if (this.#suspectedAtMs === null) return 'not-suspected'
    if (this.#proof !== null || this.#operator !== 'silent') return 'proven-already'
    if (this.#leaseOver) return 'lease-over'
    const silentMs = this.#nowMs - this.#suspectedAtMs
    if (silentMs < leaseOverMs) return 'lease-current'
    if (this.#power.saysOn) return 'power-is-on'
    if (hasPower && this.#isAtStake && silentMs < leaseOverMs + POWER_TRIAL_MS) return 'power-not-tried'
    const heard = this.#othersHear()
    if (heard === null) return 'others-not-asked'
    return heard ? 'seen-by-others' : null
  }
}

const effectOf = ({ what, ask }: PowerQuestion): LadderEffect => ({ do: what, ask })

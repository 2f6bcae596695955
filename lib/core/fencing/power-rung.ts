/**
 * What a host's power switch is asked, and when its answers prove that the host is off: two times `off`, a moment apart, and
 * nothing else in between. A proof is a lease: it lasts for as long as no machine starts in.
 */
import type { PowerStatus } from '../domain/fence'

/** Between two looks that make a proof. Shorter: both may see the one moment in which a switch goes off and on again. */
export const LOOK_APART_MS = 1000
/** Between two looks at a host that is proven off; two of them may fail before the proof is void. */
export const LOOK_AGAIN_MS = 2000
/** No machine gets from its power button to a process of ours in this time. */
export const PROOF_LASTS_MS = 5000
/** A host that is on after all is switched off again. */
export const OFF_AGAIN_MS = 5000

/** `ask` names the question, and comes back with the answer. */
export interface PowerQuestion {
  readonly what: 'power-off' | 'power-status'
  readonly ask: number
}

export class PowerRung {
  #question: (PowerQuestion & { readonly askedAtMs: number }) | null = null
  #questions = 0
  #offAtMs = Number.NEGATIVE_INFINITY
  #lookAtMs = Number.NEGATIVE_INFINITY
  #lastStatus: PowerStatus | null = null
  /** When the first `off` of an unbroken row was heard. */
  #firstOffAtMs: number | null = null
  #provenAtMs: number | null = null

  /** When the last look was asked for that proves it; null: nothing is proven. */
  get provenAtMs(): number | null {
    return this.#provenAtMs
  }

  get saysOn(): boolean {
    return this.#lastStatus === 'on'
  }

  /** The next question, if it is time for one. One at a time. */
  next(nowMs: number): PowerQuestion | null {
    if (this.#question !== null) return null
    const neverAsked = this.#offAtMs === Number.NEGATIVE_INFINITY
    if (neverAsked || (this.saysOn && nowMs >= this.#offAtMs + OFF_AGAIN_MS)) {
      this.#offAtMs = nowMs
      return this.#ask('power-off', nowMs)
    }
    return nowMs >= this.#lookAtMs ? this.#ask('power-status', nowMs) : null
  }

  /** The wish has been heard, or not: only a look tells. */
  asked(ask: number, nowMs: number): void {
    if (!this.#ends('power-off', ask)) return
    this.#lookAtMs = nowMs
  }

  looked(ask: number, status: PowerStatus, nowMs: number): void {
    const askedAtMs = this.#question?.askedAtMs ?? nowMs
    if (!this.#ends('power-status', ask)) return
    this.#lastStatus = status
    if (status === 'off') this.#sawOff(askedAtMs, nowMs)
    else this.#firstOffAtMs = null
    if (status === 'on') this.#provenAtMs = null
    this.#lookAtMs = nowMs + (this.#provenAtMs === null ? LOOK_APART_MS : LOOK_AGAIN_MS)
  }

  lapsed(nowMs: number): boolean {
    if (this.#provenAtMs === null || nowMs < this.#provenAtMs + PROOF_LASTS_MS) return false
    this.#provenAtMs = this.#firstOffAtMs = null
    return true
  }

  /** The host was seen: nothing of what was heard counts any more, nor what is still to be answered. */
  forget(): void {
    this.#question = this.#lastStatus = this.#firstOffAtMs = this.#provenAtMs = null
    this.#offAtMs = this.#lookAtMs = Number.NEGATIVE_INFINITY
  }

  #sawOff(askedAtMs: number, nowMs: number): void {
    this.#firstOffAtMs ??= nowMs
    if (this.#provenAtMs !== null || askedAtMs >= this.#firstOffAtMs + LOOK_APART_MS) this.#provenAtMs = askedAtMs
  }

  #ask(what: PowerQuestion['what'], askedAtMs: number): PowerQuestion {
    this.#questions += 1
    this.#question = { what, ask: this.#questions, askedAtMs }
    return { what, ask: this.#questions }
  }

  /** False for an answer to a question that nobody remembers. */
  #ends(what: PowerQuestion['what'], ask: number): boolean {
    if (this.#question?.what !== what || this.#question.ask !== ask) return false
    this.#question = null
    return true
  }
}

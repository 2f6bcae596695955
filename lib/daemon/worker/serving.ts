import { type QuorumFacts, quorumVerdict } from '../../core/membership/quorum'
import type { Disk } from './disk/disk'
import type { Guest } from './guest/guest'
import { CONTINUES, FROZEN, PAUSED, RELEASED, STOPPED } from './serving-text'

export type ServingFacts = Pick<QuorumFacts, 'hasEveryWrite' | 'hasParted' | 'leaseMs'> & {
  /** When anything of the peer was heard; monotonic. */
  readonly heardAtMs: number
}

export interface ServingNeeds {
  readonly disks: () => readonly Disk[]
  readonly guest: Guest
  readonly wishes: Pick<QuorumFacts, 'behaviour' | 'isPreferred'>
  readonly facts: () => ServingFacts
  /** The disks go on without the peer before the witness has stored that. */
  readonly part: () => void
  readonly record: (act: string, rule: string, text: string) => void
}

/** What a guest that goes on without a lease risks is said so often. */
const TELL_AGAIN_MS = 60_000
/** A process that stood still for so long has heard nobody meanwhile, and that says nothing of them. */
const GAP_MS = 500

/** Whether the disks answer and the guest's vCPUs run: as the lease says and, without one, as the pool wishes. */
export class Serving {
  #answers = true
  #leaseValid = true
  #guestsMayRun = true
  /** It serves although the lease is over. */
  #alone: { toldAtMs: number } | null = null
  /** The first confirmation of a lease is no event for the operator. */
  #everHeld = false
  #isQuiet = false
  #isOver = false
  #hasStopped = false
  #beganAtMs: number | null = null
  #tickedAtMs = Number.NEGATIVE_INFINITY
  #silentFromMs: number | null = null

  constructor(private readonly needs: ServingNeeds) {}

  get guestsMayRun(): boolean {
    return this.#guestsMayRun || this.isAlone
  }

  get isAlone(): boolean {
    return this.#alone !== null
  }

  /** For the operator; empty while a lease is there, or nothing is risked. */
  get risk(): string {
    return this.isAlone ? CONTINUES : ''
  }

  /** A claim is there from now on; nothing is confirmed yet. */
  begin(): void {
    this.#beganAtMs = null
    this.#leaseValid = this.#guestsMayRun = false
    this.#answer(false)
    this.needs.guest.waits()
  }

  /** No claim is there any more. */
  end(): void {
    this.#alone = null
    this.#leaseValid = this.#guestsMayRun = true
    this.#answer(true)
    this.needs.guest.run()
  }

  /** Another host holds the claim. */
  spent(): void {
    this.#isOver = true
    this.#alone = null
    this.#answer(false)
  }

  lease(valid: boolean): void {
    this.#leaseValid = valid
    if (valid) this.#alone = null
    const mayAnswer = valid || this.isAlone
    if (mayAnswer === this.#answers) return
    this.#answer(mayAnswer)
    if (!mayAnswer && this.#everHeld && !this.#isQuiet) this.needs.record('guest-frozen', 'neither-peer-nor-witness', FROZEN)
  }

  guests(mayRun: boolean): void {
    this.#guestsMayRun = mayRun
    const { guest } = this.needs
    if (mayRun) {
      if (this.#everHeld && !this.#isQuiet) this.needs.record('guest-released', 'lease-confirmed', RELEASED)
      this.#everHeld = true
      this.#hasStopped = false
      guest.run()
    } else if (!this.isAlone) {
      this.#everHeld = true
      if (!this.#isQuiet) this.needs.record('guest-paused', 'neither-peer-nor-witness', PAUSED)
      guest.stand()
    }
  }

  /** Nothing is answered for the sake of a hand-over, which is told of by itself. */
  quiet(isQuiet: boolean): void {
    this.#isQuiet = isQuiet
  }

  /** What becomes of a guest without a lease. */
  tick(nowMs: number): void {
    if (nowMs > this.#tickedAtMs + GAP_MS) this.#silentFromMs = nowMs
    this.#tickedAtMs = nowMs
    this.#beganAtMs ??= nowMs
    const facts = this.needs.facts()
    const lease = this.#leaseValid ? (this.#guestsMayRun ? 'valid' : 'ending') : 'over'
    if (lease !== 'over') this.#silentFromMs = nowMs
    if (lease === 'valid' || this.#isOver || this.#isQuiet) return
    // The lease of the process before this one may run yet.
    if (!this.#everHeld && nowMs < this.#beganAtMs + facts.leaseMs) return
    const othersSilentMs = nowMs - Math.max(facts.heardAtMs, this.#silentFromMs ?? nowMs)
    const verdict = quorumVerdict({ ...facts, ...this.needs.wishes, role: 'holder', lease, othersSilentMs })
    if (verdict.rule === 'continues-alone') this.#goOn(nowMs)
    else if (this.isAlone) this.#cease(lease === 'ending')
    if (verdict.act === 'destroy') this.#stop()
    if (verdict.act === 'part') this.needs.part()
  }

  #goOn(nowMs: number): void {
    const isNew = this.#alone === null
    this.#alone ??= { toldAtMs: Number.NEGATIVE_INFINITY }
    if (nowMs >= this.#alone.toldAtMs + TELL_AGAIN_MS) {
      this.#alone.toldAtMs = nowMs
      this.needs.record('guest-continues', 'continues-alone', CONTINUES)
    }
    if (!isNew) return
    this.#answer(true)
    this.needs.guest.run()
  }

  /** What allowed it is not so any more. */
  #cease(mayAnswer: boolean): void {
    this.#alone = null
    this.#answer(mayAnswer)
    this.needs.record('guest-paused', 'neither-peer-nor-witness', PAUSED)
    this.needs.guest.stand()
  }

  #stop(): void {
    if (this.#hasStopped || !this.needs.guest.isThere) return
    this.#hasStopped = true
    this.needs.record('guest-stopped', 'stop', STOPPED)
    void this.needs.guest.stop()
  }

  #answer(valid: boolean): void {
    this.#answers = valid
    for (const disk of this.needs.disks()) disk.lease(valid)
  }
}

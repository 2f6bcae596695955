/**
 *   running ──pause──> pausing ──paused──> capturing ──captured──> resuming ──resumed──> running
 *                         │ failed, given up │ or too long            ^  │ resume-failed: asked again
 *                         └──────────────────┴────────────────────────┘  └─
 *
 * Must never: leave the guest standing because something else went wrong; take an answer to one pause for that to another.
 */
import type { EpochEffect } from './events'

export type GuestMotion = 'running' | 'pausing' | 'capturing' | 'resuming'

/** Of a guest that stands still for so long, clients give up; a pause that takes longer is no checkpoint but an outage. */
export const PAUSE_LIMIT_MS = 2000
const RESUME_AGAIN_MS = 100

/** One pause of the guest: asked, taken, used, over. */
export class Cycle {
  #motion: GuestMotion = 'running'
  #attempt = 0
  #sinceMs = 0
  #askedAtMs = 0
  #askAgainAtMs = Infinity

  constructor(private readonly pauseLimitMs: number = PAUSE_LIMIT_MS) {}

  get motion(): GuestMotion {
    return this.#motion
  }

  /** Of the guest's going on; meaningful while it runs. */
  get sinceMs(): number {
    return this.#sinceMs
  }

  /** When this should be looked at again. */
  get dueAtMs(): number {
    if (this.#motion === 'running') return Infinity
    return this.#motion === 'resuming' ? this.#askAgainAtMs : this.#askedAtMs + this.pauseLimitMs
  }

  /** It may have been left standing by whoever was here before. */
  begin(nowMs: number): EpochEffect {
    this.#attempt++
    this.#askedAtMs = nowMs
    return this.#resume()
  }

  pause(nowMs: number): EpochEffect {
    this.#attempt++
    this.#motion = 'pausing'
    this.#askedAtMs = nowMs
    return { do: 'pause', attempt: this.#attempt }
  }

  /** True when it is the answer that is waited for. */
  paused(attempt: number): boolean {
    if (this.#motion !== 'pausing' || attempt !== this.#attempt) return false
    this.#motion = 'capturing'
    return true
  }

  capture(epoch: number): EpochEffect {
    return { do: 'capture', epoch, attempt: this.#attempt }
  }

  isUnderWay(attempt: number): boolean {
    return attempt === this.#attempt && (this.#motion === 'pausing' || this.#motion === 'capturing')
  }

  isCapturing(attempt: number): boolean {
    return attempt === this.#attempt && this.#motion === 'capturing'
  }

  /** The pause has served, or never will. Asked while the guest is not paused yet, it is done when that is. */
  over(): EpochEffect {
    return this.#resume()
  }

  /** How long it took; null for an answer that nobody waits for. */
  resumed(attempt: number, nowMs: number): number | null {
    if (this.#motion !== 'resuming' || attempt !== this.#attempt) return null
    this.#motion = 'running'
    this.#sinceMs = nowMs
    return nowMs - this.#askedAtMs
  }

  /** True when it was this one; it is asked for again. */
  notResumed(attempt: number, nowMs: number): boolean {
    if (this.#motion !== 'resuming' || attempt !== this.#attempt) return false
    this.#askAgainAtMs = nowMs + RESUME_AGAIN_MS
    return true
  }

  /** The guest stands for longer than a pause may take. */
  isTooLong(nowMs: number): boolean {
    return (this.#motion === 'pausing' || this.#motion === 'capturing') && nowMs >= this.dueAtMs
  }

  again(nowMs: number): EpochEffect | null {
    return this.#motion === 'resuming' && nowMs >= this.#askAgainAtMs ? this.#resume() : null
  }

  #resume(): EpochEffect {
    this.#motion = 'resuming'
    this.#askAgainAtMs = Infinity
    return { do: 'resume', attempt: this.#attempt }
  }
}

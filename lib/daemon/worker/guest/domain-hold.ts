import type { WorkerParts } from '../parts'

/** A domain that does not do what it was asked is asked again after so long; one that stands is looked at as often. */
export const AGAIN_MS = 1000
/** So often one that nobody here paused for certain is unpaused at once: it may have been paused twice, or be one that cannot run. */
const TRIES_MAX = 8
/** Then once in so long, for as long as nobody has seen it run. */
const SELDOM_MS = 30_000

/**
 * One domain of a guest, kept from running while its lease is not sure. Xen counts pauses: those that were made here are taken back,
 * and no other, as long as it is known how many they are; otherwise, until the domain runs.
 */
export class DomainHold {
  #pauses = 0
  #busy: Promise<void> | null = null
  #wantsToRun = true
  #nextMs = Number.NEGATIVE_INFINITY
  #tries = 0
  /** Signs of a pause so far: a look that was begun before the last of them says nothing of it. */
  #signs = 0

  constructor(
    private readonly domid: string,
    private readonly parts: Pick<WorkerParts, 'domains' | 'log' | 'clock'>,
    /** By a process before this one, or by the watchdog. */
    private mayBePaused: boolean,
  ) {}

  get isHeld(): boolean {
    return this.#pauses > 0 || this.mayBePaused
  }

  /** Or about to be; a look may be under way. */
  pausedElsewhere(): void {
    this.mayBePaused = true
    this.#signs += 1
    this.#tries = 0
    this.#nextMs = Number.NEGATIVE_INFINITY
  }

  /** Resolves when nothing of it is under way. */
  async rests(): Promise<void> {
    await this.#busy
  }

  /** To be called again and again: what does not succeed is repeated. */
  tick(nowMs: number, mayRun: boolean): void {
    if (mayRun !== this.#wantsToRun) {
      this.#nextMs = Number.NEGATIVE_INFINITY
      this.#tries = 0
    }
    this.#wantsToRun = mayRun
    if (this.#busy !== null || nowMs < this.#nextMs || (mayRun && !this.isHeld)) return
    const isWeary = mayRun && this.#tries >= TRIES_MAX - 1
    this.#nextMs = nowMs + (isWeary ? SELDOM_MS : AGAIN_MS)
    this.#busy = (mayRun ? this.#run() : this.#stand()).finally(() => (this.#busy = null))
  }

  /** The first pause waits for no look. Later, somebody may have let it run. */
  async #stand(): Promise<void> {
    try {
      if (this.isHeld && (await this.parts.domains.state(this.domid)) !== 'running') return
      await this.parts.domains.pause(this.domid)
      this.#pauses += 1
    } catch (error) {
      // The toolstack's own words. It may have been done all the same; the disks stay frozen whatever it does.
      this.mayBePaused = true
      this.parts.log.error('cannot pause the domain', { domid: this.domid, error: String(error) })
    }
  }

  async #run(): Promise<void> {
    const { domains, log } = this.parts
    try {
      while (this.#pauses > 0 && this.#wantsToRun) {
        this.#pauses -= 1
        await domains.unpause(this.domid)
      }
      for (let isFirst = true; this.mayBePaused && (isFirst || this.#tries < TRIES_MAX); isFirst = false) {
        if (!(await this.#runOnce())) return
      }
      if (this.mayBePaused) log.error('the domain does not run, although it was unpaused', { domid: this.domid })
    } catch (error) {
      this.mayBePaused = true
      log.warn('cannot unpause the domain', { domid: this.domid, error: String(error) })
    }
  }

  /** False: there is nothing to be done now, or it may not be done any more. */
  async #runOnce(): Promise<boolean> {
    const { domains } = this.parts
    const signs = this.#signs
    const state = await domains.state(this.domid)
    if (!this.#wantsToRun) return false
    if (state !== 'standing') {
      if (signs === this.#signs) this.mayBePaused = false
      return false
    }
    this.#tries += 1
    await domains.unpause(this.domid)
    return true
  }
}

import { must } from '../../../core/domain/assert'
import type { TimelineEntry } from '../../../core/domain/timeline'
import type { WorkerSpec } from '../../../wire/worker-api'
import type { WorkerParts } from '../parts'
import type { Primary } from '../primary'
import { errorText } from './error-text'
import type { LoadedGuest } from './standby-needs'
import type { StandbySide } from './standby-side'

export interface GuestArrivalNeeds {
  readonly parts: () => WorkerParts
  readonly spec: () => WorkerSpec
  readonly remember: (spec: WorkerSpec) => void
}

const TRIES = 3
const AGAIN_MS = 200

/**
 * How a guest that was kept in lockstep becomes this host's: loaded while this worker is a secondary still, noted as the domain that
 * uses the disks, and let go on when this worker serves them.
 *
 * Must never: leave a guest running that is noted nowhere, or start it anew while it may run.
 */
export class GuestArrival {
  /** The guest's going on is in the timeline. */
  #isTold = false

  constructor(private readonly needs: GuestArrivalNeeds) {}

  /** The guest as its memory here has it; null: it is to be started from its disks. */
  async load(standby: StandbySide | undefined, claimed: number | null): Promise<LoadedGuest | null> {
    const taken = await standby?.takeOver(claimed)
    if (taken?.did === 'load') return taken
    if (taken?.did === 'cannot') this.#lost(`The VM does not go on from its memory: ${taken.why}.`, {})
    return null
  }

  /** Before the disks are served. */
  note({ domid }: LoadedGuest): void {
    const spec = this.needs.spec()
    const attached = Object.fromEntries(spec.volumes.map(({ key }) => [key, { domain: domid, active: true }]))
    this.needs.remember({ ...spec, attached: attached, arriving: domid })
  }

  /** `takenAtMs`: when the claim was this host's. False: it did not go on, and is gone; its disks are as they were at the end of the epoch that it was loaded from. */
  async goesOn(side: Primary, { domid, goOn }: LoadedGuest, takenAtMs: number): Promise<boolean> {
    const { timers, log, clock } = this.needs.parts()
    const goes = (): void => this.#goes(side, { sinceTakenMs: Math.round(clock.nowMs() - takenAtMs) })
    for (let tries = 1; tries <= TRIES; tries++) {
      const error = await goOn(goes)
      if (error === '') return this.#settle(side, true)
      log.warn('what was loaded does not go on', { domid, error })
      if (tries < TRIES) await timers.pause(AGAIN_MS)
    }
    return this.#wentOn(side, domid)
  }

  /** Of one that a process before this one has let go on, or was about to. */
  async findOut(side: Primary): Promise<void> {
    const { arriving } = this.needs.spec()
    if (arriving != null) await this.#wentOn(side, arriving)
  }

  /** It may run although nobody was told so. */
  async #wentOn(side: Primary, domid: string): Promise<boolean> {
    const { checkpoints, timers, log } = this.needs.parts()
    for (;;) {
      try {
        return await this.#settle(side, await must(checkpoints, 'a standby was kept').adopt(domid))
      } catch (error) {
        log.warn('it is not known whether a loaded guest runs', { domid, error: errorText(error) })
        await timers.pause(AGAIN_MS)
      }
    }
  }

  async #settle(side: Primary, isHere: boolean): Promise<boolean> {
    if (isHere) this.#goes(side, {})
    else {
      this.#lost('The VM did not go on from its memory, and is started from its disks.', this.#whose(side))
      for (const disk of side.disks) await disk.detach()
    }
    this.needs.remember({ ...this.needs.spec(), arriving: null, ...(isHere ? {} : { attached: {} }) })
    side.guestChanged()
    return isHere
  }

  #goes(side: Primary, since: TimelineEntry['evidence']): void {
    if (this.#isTold) return
    this.#isTold = true
    const evidence = { ...this.#whose(side), ...since }
    this.#record('guest-went-on', 'memory-kept', 'The VM goes on from its memory on this host.', evidence)
  }

  #whose({ term }: Primary): TimelineEntry['evidence'] {
    return { term, domid: this.needs.spec().arriving ?? '' }
  }

  #lost(text: string, evidence: TimelineEntry['evidence']): void {
    this.#record('memory-lost', 'standby-failed', text, evidence)
  }

  #record(act: string, rule: string, text: string, evidence: TimelineEntry['evidence']): void {
    this.needs.parts().timeline.record({ vm: this.needs.spec().vm, act, rule, text, evidence })
  }
}

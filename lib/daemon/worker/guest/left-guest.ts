import type { VmUuid } from '../../../core/domain/ids'
import type { LeaseNotes, LeaseTold } from '../../../ports/lease-notes'
import { DomainHold } from './domain-hold'
import { TICK_MS, type WorkerParts } from '../parts'

const PAUSED =
  'The lease of the worker before this one ended, and the witness has not told who holds the claim: the guest is paused.'

/**
 * The guest of a process before this one, as long as this one does not know its role. Its lease is used up; when that is over the guest is
 * paused here, too: the watchdog of this host may be stuck, or there is none. What was paused so is in `left`, for whoever lets it go.
 */
export class LeftGuest implements LeaseNotes {
  left: LeaseTold | null
  #holds: DomainHold[] | null = null

  constructor(
    private readonly vm: VmUuid | null,
    private readonly parts: Pick<WorkerParts, 'clock' | 'domains' | 'leases' | 'log' | 'timeline' | 'timers'>,
  ) {
    this.left = parts.leases.left
  }

  /** Watches over it until `role` is settled. */
  async until<T>(role: Promise<T>): Promise<T> {
    const { clock, timers } = this.parts
    const timer = timers.every(TICK_MS, () => this.#tick(clock.nowMs()))
    try {
      return await role
    } finally {
      timer.stop()
      // A pause that came after somebody else's unpause would last.
      for (const hold of this.#holds ?? []) await hold.rests()
    }
  }

  tell(lease: LeaseTold): boolean {
    return this.parts.leases.tell(lease)
  }

  forget(): void {
    this.parts.leases.forget()
  }

  get trouble(): string {
    return this.parts.leases.trouble
  }

  #tick(nowMs: number): void {
    if (this.left?.untilMs == null || nowMs < this.left.untilMs) return
    this.#holds ??= this.#pause(this.left)
    for (const hold of this.#holds) hold.tick(nowMs, false)
  }

  #pause(left: LeaseTold): DomainHold[] {
    const { domids, isPaused, untilMs } = left
    const { leases, timeline } = this.parts
    this.left = { ...left, isPaused: true }
    const isPausedElsewhere = leases.tell(this.left)
    if (!isPaused && !isPausedElsewhere)
      timeline.record({
        vm: this.vm,
        act: 'guest-paused',
        rule: 'role-unknown',
        text: PAUSED,
        evidence: { untilMs: untilMs ?? 0 },
      })
    return domids.map((domid) => new DomainHold(domid, this.parts, isPaused || isPausedElsewhere))
  }
}

import type { LeaseNote } from '../../../lib/core/domain/lease-note'
import type { LeaseFolder, LeaseNotes } from '../../../lib/ports/lease-notes'
import type { Ticking } from './process'

/** What workers and the watchdog of a machine tell each other; in memory. */
export class LeaseNotesOfHost {
  readonly #notes = new Map<string, LeaseNote>()
  readonly #marks = new Map<string, 'under-way' | 'done'>()
  readonly #destroyed = new Set<string>()

  constructor(private readonly machine: Ticking) {}

  powerLost(): void {
    this.#destroyed.clear()
    this.#notes.clear()
    this.#marks.clear()
  }

  /** `pid`: of the worker. */
  ofWorker(id: string, pid: number): LeaseNotes {
    return {
      left: this.#notes.get(id) ?? null,
      tell: (lease) => {
        this.#notes.set(id, { ...lease, id, pid, startedTicks: 0, toldAtMs: this.machine.nowMs })
        const mark = this.#marks.get(id)
        if (mark === 'done') this.#marks.delete(id)
        return mark !== undefined
      },
      forget: () => {
        this.#notes.delete(id)
        this.#marks.delete(id)
      },
      trouble: '',
    }
  }

  /** For the daemon: whether the watchdog had ended the guest since this was last asked. */
  takeDestroyed(id: string): boolean {
    return this.#destroyed.delete(id)
  }

  /** When the lease ends that the worker told last; Infinity where it told none. */
  untilMs(id: string): number {
    return this.#notes.get(id)?.untilMs ?? Infinity
  }

  ofWatchdog(): LeaseFolder {
    for (const id of this.#marks.keys()) this.#marks.set(id, 'done')
    return {
      read: () => [...this.#notes.values()],
      paused: (id, state) => void this.#marks.set(id, state),
      destroyed: (id) => void this.#destroyed.add(id),
    }
  }
}

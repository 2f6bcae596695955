import type { DeciderNote } from '../../../lib/core/domain/decider-note'
import type { ClaimNotes } from '../../../lib/ports/claim-notes'
import { failure } from './failure'
import type { Nature, Process } from './process'

type Kept = DeciderNote | 'damaged'

interface Save {
  readonly vm: string
  readonly note: DeciderNote
}

/** What a host has noted about its VMs' witnesses. Outlives the process and the power. */
export class ClaimNotesOfHost {
  readonly #kept = new Map<string, Kept>()
  readonly #saving = new Map<Process, Save>()
  /** No room is left. */
  full = false
  /** On top of what each save takes, at most. */
  slowMs = 0

  constructor(
    private readonly nature: Nature,
    private readonly saveMs: number,
    private readonly onMoment: (vm: string, moment: 'noting' | 'noted') => void,
  ) {}

  of(process: Process): ClaimNotes {
    return {
      read: async (vm) => {
        await process.within(1)
        return this.on(vm)
      },
      save: async (vm, note) => {
        this.#saving.set(process, { vm, note })
        this.onMoment(vm, 'noting')
        await process.within(this.saveMs + this.slowMs)
        this.#saving.delete(process)
        if (this.full) {
          this.#perhaps({ vm, note })
          throw failure('ENOSPC')
        }
        this.#kept.set(vm, note)
        this.onMoment(vm, 'noted')
      },
      forget: async (vm) => {
        await process.within(this.saveMs)
        this.#kept.delete(vm)
      },
    }
  }

  /** As it is on the disk. */
  on(vm: string): Kept | null {
    return this.#kept.get(vm) ?? null
  }

  /** There is one, no switch is under way in it, and nobody is changing it. */
  isDecided(vm: string): boolean {
    const note = this.on(vm)
    const isSaving = [...this.#saving.values()].some((save) => save.vm === vm)
    return note !== null && note !== 'damaged' && note.pending === null && !isSaving
  }

  damage(vm: string): void {
    this.#kept.set(vm, 'damaged')
  }

  remove(vm: string): void {
    this.#kept.delete(vm)
  }

  /** What it was saving may be there. */
  died(process: Process): void {
    const save = this.#saving.get(process)
    this.#saving.delete(process)
    if (save !== undefined) this.#perhaps(save)
  }

  #perhaps({ vm, note }: Save): void {
    if (this.nature.dice.chance(0.5)) this.#kept.set(vm, note)
  }
}

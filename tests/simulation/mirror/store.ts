import { NO_GENERATIONS } from '../../../lib/core/domain/volume'
import { Disk } from '../../world/disk'
import type { Dice } from '../../world/prng'
import type { Schedule } from '../../world/schedule'
import type { HostName } from './names'
import { Notes } from './notes'
import type { Plan } from './plan'

/** What a host keeps of the VM's disk: the bytes, and the notes beside them. Outlives processes and losses of power. */
export class Store<Name extends string = HostName> {
  readonly disk: Disk
  readonly notes: Notes
  /** Grows with each replacement. */
  era = 0
  #made = 0

  constructor(
    readonly host: Name,
    plan: Pick<Plan, 'cells' | 'disk' | 'notesMs'>,
    private readonly dice: Dice,
    schedule: Schedule,
  ) {
    this.disk = new Disk(plan.cells, plan.disk, dice, schedule)
    this.notes = new Notes(plan.notesMs, dice, schedule)
  }

  /** A new replica, empty. */
  make(): void {
    this.#made++
    this.notes.noted = {
      ...{ replica: `${this.host}-${this.#made}`, term: 0, state: 'inconsistent', generations: NO_GENERATIONS, boot: '' },
      ...{ hot: [], pages: new Map() },
    }
  }

  /** Whoever has the old one open gets errors. */
  replace(): void {
    this.era++
    this.disk.replace()
    this.notes.replace()
  }

  /** Answers whether anything was lost that had been answered. */
  powerLost(losesTracking: boolean): boolean {
    this.notes.crashed()
    if (losesTracking && this.notes.noted !== null && this.dice.chance(0.5)) this.notes.trackingLost = true
    return this.disk.powerLost()
  }
}

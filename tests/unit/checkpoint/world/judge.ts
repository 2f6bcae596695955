import { CELLS, type Guest, type History, type Memory } from './guest'

export class Broken extends Error {}

const must = (kept: boolean, rule: string): void => {
  if (!kept) throw new Broken(rule)
}

/** Sees what leaves, what a guest goes on from, and disks; nothing of the machines. */
export class Judge {
  readonly #everLeft = new Set<number>()
  /** What left since the guest last started from a disk. */
  #left: number[] = []
  /** The guest that counts now, or counted last. */
  guest: Guest | null = null

  constructor(private readonly history: History) {}

  get leftCount(): number {
    return this.#everLeft.size
  }

  leaves(step: number): void {
    must(!this.#everLeft.has(step), 'output left twice')
    must(this.guest !== null && this.history.explains(this.guest.step, step), 'output left that the surviving guest never sent')
    this.#everLeft.add(step)
    this.#left.push(step)
  }

  /** `ram` and `device` were captured separately. */
  goesOn(guest: Guest, ram: Memory, device: number, disk: readonly number[]): void {
    must(ram.step === device, 'memory and device state are of different epochs')
    for (let cell = 0; cell < CELLS; cell++) must(disk[cell] === ram.disk[cell], 'the disk is not of the epoch of the memory')
    for (const step of this.#left) must(this.history.explains(ram.step, step), 'output had left that the state does not explain')
    this.guest = guest
  }

  startsAnew(guest: Guest, disk: readonly number[]): void {
    const { guest: before } = this
    if (before !== null)
      for (let cell = 0; cell < CELLS; cell++) {
        const isUnanswered = before.writing?.cell === cell && before.writing.step === disk[cell]
        must(disk[cell] === before.disk[cell] || isUnanswered, 'a write was lost that the guest believed done')
      }
    this.#left = []
    this.guest = guest
  }
}

import { Broken } from '../mirror/broken'
import { CELLS, type Guest, type History, type Memory } from './guest'

const held = (isKept: boolean, invariant: string, detail: string): void => {
  if (!isKept) throw new Broken(invariant, detail)
}

/** Sees what leaves, what a guest goes on from, and disks; nothing of what it judges. */
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
    const { guest } = this
    held(!this.#everLeft.has(step), 'output once', `step ${step}`)
    const isOfGuest = guest !== null && this.history.explains(guest.step, step)
    held(isOfGuest, 'one guest', `what left at step ${step} the surviving guest never sent`)
    this.#everLeft.add(step)
    this.#left.push(step)
  }

  /** Sent once more by a guest that goes on at `state`; some of it may not have left before. */
  repeats(step: number, state: number): void {
    held(this.history.explains(state, step), 'one guest', `what is sent again at step ${step} the guest at ${state} never sent`)
    if (this.#everLeft.has(step)) return
    this.#everLeft.add(step)
    this.#left.push(step)
  }

  /** `ram` and `device` were captured separately. */
  goesOn(guest: Guest, ram: Memory, device: number, disk: readonly number[]): void {
    held(ram.step === device, 'one epoch', `the memory is of step ${ram.step}, the devices of ${device}`)
    for (let cell = 0; cell < CELLS; cell++)
      held(disk[cell] === ram.disk[cell], 'one epoch', `disk and memory of step ${ram.step} differ in cell ${cell}`)
    for (const step of this.#left)
      held(
        this.history.explains(ram.step, step),
        'output after state',
        `step ${step} had left, and ${ram.step} does not know of it`,
      )
    this.guest = guest
  }

  startsAnew(guest: Guest, disk: readonly number[]): void {
    const { guest: before } = this
    if (before !== null)
      for (let cell = 0; cell < CELLS; cell++) {
        const isUnanswered = before.writing?.cell === cell && before.writing.step === disk[cell]
        held(disk[cell] === before.disk[cell] || isUnanswered, 'no lost write', `the guest believed cell ${cell} written`)
      }
    this.#left = []
    this.guest = guest
  }
}

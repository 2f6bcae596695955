import type { Disk } from './disk'
import type { Guest } from './guest'

export interface ServingNeeds {
  readonly disks: () => readonly Disk[]
  readonly guest: Guest
  readonly record: (act: string, rule: string, text: string) => void
}

/** Whether the disks answer and the guest's vCPUs run, and what the operator is told when that changes. */
export class Serving {
  #answers = true
  #guestsMayRun = true
  /** The first confirmation of a lease is no event for the operator. */
  #everHeld = false
  #isQuiet = false

  constructor(private readonly needs: ServingNeeds) {}

  get guestsMayRun(): boolean {
    return this.#guestsMayRun
  }

  /** A claim is there from now on; nothing is confirmed yet. */
  begin(): void {
    this.#answer(false)
    this.#guestsMayRun = false
    this.needs.guest.waits()
  }

  /** No claim is there any more. */
  end(): void {
    this.#answer(true)
    this.#guestsMayRun = true
    this.needs.guest.run()
  }

  lease(valid: boolean): void {
    if (valid === this.#answers) return
    this.#answer(valid)
    if (!valid && this.#everHeld && !this.#isQuiet)
      this.needs.record('guest-frozen', 'neither-peer-nor-witness', 'The lease ran out unconfirmed: the guest waits.')
  }

  guests(mayRun: boolean): void {
    this.#guestsMayRun = mayRun
    const { guest } = this.needs
    if (mayRun) {
      if (this.#everHeld && !this.#isQuiet)
        this.needs.record('guest-released', 'lease-confirmed', 'The lease is confirmed again: the guest goes on.')
      this.#everHeld = true
      guest.run()
      return
    }
    this.#everHeld = true
    if (!this.#isQuiet)
      this.needs.record('guest-paused', 'neither-peer-nor-witness', 'The lease ends soon, unconfirmed: the guest is paused.')
    guest.stand()
  }

  /** Nothing is answered for the sake of a hand-over, which is told of by itself. */
  quiet(isQuiet: boolean): void {
    this.#isQuiet = isQuiet
  }

  #answer(valid: boolean): void {
    this.#answers = valid
    for (const disk of this.needs.disks()) disk.lease(valid)
  }
}

import { Seat } from './seat'
import type { Worker } from './host'

export interface LocalNeeds {
  readonly up: (seat: Seat, incarnation: string) => void
  readonly down: (error: string) => void
  /** Whether the stored claim lists it, or may: then only the very replica that it lists will do. */
  readonly isListed: (then: (listed: boolean) => void) => void
}

const AGAIN_MS = 150

/** The replica on a worker's own host: opened, given up when it fails, tried again until it is back. */
export class LocalReplica {
  seat: Seat | null = null
  #closing = false
  #incarnation = ''
  #hasFailed = false

  constructor(
    private readonly worker: Worker,
    private readonly needs: LocalNeeds,
  ) {}

  open(create: boolean): void {
    const { world, life, host } = this.worker
    Seat.open(world, life, host.store, {
      create,
      boot: host.boot,
      hasFailed: this.#hasFailed,
      onFailed: (error) => this.#failed(error),
      came: (came) => {
        if (typeof came === 'string') {
          world.judge.damage.impaired(host.name, true)
          this.needs.down(came)
          this.#again()
        } else if (!this.#closing) {
          this.seat = came
          this.#incarnation = this.worker.nextOpening()
          this.needs.up(came, this.#incarnation)
        }
      },
    })
  }

  openFound(): void {
    this.needs.isListed((listed) => {
      if (!this.#closing && this.seat === null) this.open(!listed)
    })
  }

  /** Of the seat. */
  get incarnation(): string {
    return this.#incarnation
  }

  close(closed: () => void): void {
    this.#closing = true
    const { seat } = this
    this.seat = null
    if (seat === null) this.worker.host.store.disk.whenQuiet(closed)
    else seat.close(closed)
  }

  #failed(error: string): void {
    this.#hasFailed = true
    this.worker.world.judge.damage.impaired(this.worker.host.name, true)
    const { seat } = this
    this.seat = null
    this.needs.down(error)
    // Whatever was asked of it must have ended: a late write must not land after a resync.
    if (seat === null) this.#again()
    else seat.close(() => this.#again())
  }

  #again(): void {
    const { world, life } = this.worker
    world.schedule.after(
      AGAIN_MS * (0.5 + world.dice.fraction()),
      () => {
        if (!this.#closing && this.seat === null) this.openFound()
      },
      life,
    )
  }
}

import type { WorkerVolume } from '../../wire/worker-api'
import type { WorkerParts } from './parts'
import { errorCode, Seat } from './seat'

export interface PlaceNeeds {
  /** The stored claim lists it, or may: then only the very replica that it lists will do. */
  readonly isListed: () => Promise<boolean>
  /** It is open; called again each time it is opened. */
  readonly up: (seat: Seat) => void
  readonly failed: (error: string) => void
}

/** A failed replica is opened again this often. */
const REOPEN_EVERY_MS = 2000

/** Where a secondary keeps one disk's replica: opened, given up when it fails, opened again until it is back. */
export class Place {
  #seat: Seat | null = null
  #failedAtMs = 0
  #opening: Promise<void> | null = null
  #opened = 0
  #hasFailed = false
  /** Why it cannot be opened, as the operator was last told. */
  #told = ''
  /** Once closed, what was asked of the one before has ended. */
  #closing: Promise<void> = Promise.resolve()
  #closed = false

  constructor(
    readonly volume: WorkerVolume,
    private readonly parts: WorkerParts,
    private readonly needs: PlaceNeeds,
  ) {}

  get seat(): Seat | null {
    return this.#seat
  }

  /** Each time it is opened it is another one. */
  get incarnation(): string {
    return `${this.parts.incarnation}-${this.#opened}`
  }

  /** The guest may be started from it: it is here, whole, and its device has lost nothing that was confirmed. */
  get isFit(): boolean {
    return this.#seat?.state === 'up-to-date' && !this.#seat.hasFailed
  }

  /** Resolves also when it cannot be opened; tick() tries again then. */
  open(): Promise<void> {
    this.#opening ??= this.#open().finally(() => (this.#opening = null))
    return this.#opening
  }

  tick(nowMs: number): void {
    this.#seat?.tick(nowMs, true)
    if (this.#closed || this.#seat !== null || this.#opening !== null || nowMs < this.#failedAtMs + REOPEN_EVERY_MS) return
    void this.open()
  }

  /** Resolves when nothing of it is open, nor will be: another part of this process may open it then. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#opening
    await this.#closing
    const seat = this.#seat
    this.#seat = null
    await seat?.close()
  }

  async #open(): Promise<void> {
    const seat = await this.#openSeat()
    if (seat === null) return
    if (this.#closed) {
      await seat.close()
      return
    }
    this.#seat = seat
    this.#told = ''
    this.#opened++
    this.needs.up(seat)
  }

  async #openSeat(): Promise<Seat | null> {
    try {
      await this.#closing
      const mayMake = !(await this.needs.isListed())
      return await Seat.open(this.volume, mayMake, this.parts, {
        hasFailed: this.#hasFailed,
        onFailed: (error) => this.#failed(error),
      })
    } catch (error) {
      this.#failedAtMs = this.parts.clock.nowMs()
      this.#cannotBeOpened(errorCode(error))
      return null
    }
  }

  /** It is looked at every two seconds: the operator is told what is new. */
  #cannotBeOpened(error: string): void {
    const level = error === this.#told ? 'debug' : 'warn'
    this.#told = error
    this.parts.log[level]('replica cannot be opened', { volume: this.volume.key, error })
  }

  #failed(error: string): void {
    this.#hasFailed = true
    this.#failedAtMs = this.parts.clock.nowMs()
    const seat = this.#seat
    if (seat === null) return
    this.#seat = null
    this.#closing = seat
      .close()
      .catch((closing: unknown) => this.parts.log.debug('close of a failed replica', { error: errorCode(closing) }))
    this.needs.failed(error)
  }
}

import type { WorkerVolume } from '../../../wire/worker-api'
import { GIVEN_UP } from '../note-text'
import type { WorkerParts } from '../parts'
import { errorCode, HANG_LIMIT_MS, Seat } from '../seat'
import { within } from '../within'

export interface LocalReplicaNeeds {
  readonly up: (seat: Seat, incarnation: string) => void
  readonly failed: (error: string) => void
  /** It is down still, and a flush of it failed: a device tells so once of what it lost. */
  readonly unkept: (error: string) => void
  /** The stored claim lists it, or may: then only the very replica that it lists will do. */
  readonly isListed: () => boolean
}

/** How often a failed replica is tried again. */
const PROBE_EVERY_MS = 2000
const PROBE_BYTES = 4096

/** The replica on the primary's own host: opened, given up when it fails, tried again until it is back. */
export class LocalReplica {
  #seat: Seat | null = null
  #failedAtMs: number | null = null
  #probing = false
  #closed = false
  #opened = 0
  /** It failed in this process: what its device had cached may be gone. */
  #hasFailed = false
  /** Why it could not be opened again, as the log has it. */
  #told = ''

  constructor(
    private readonly volume: WorkerVolume,
    private readonly parts: WorkerParts,
    private readonly needs: LocalReplicaNeeds,
  ) {}

  get seat(): Seat | null {
    return this.#seat
  }

  /** Resolves when `term` is noted in it. One that cannot be opened is a failed one; so is one whose disk is silent, until it comes. */
  async open(term: number): Promise<void> {
    this.#probing = true
    const opening = this.#openFirst(term).finally(() => (this.#probing = false))
    if (!(await within(this.parts.timers, HANG_LIMIT_MS, opening)) && this.#seat === null) this.needs.failed('ETIMEDOUT')
  }

  /** `hangs`: it may be given up for its silence, because the other replica can serve. */
  tick(nowMs: number, hangs: boolean): void {
    this.#seat?.tick(nowMs, hangs)
    if (this.#probing || this.#failedAtMs === null || nowMs < this.#failedAtMs + PROBE_EVERY_MS) return
    this.#probing = true
    void this.#probe().finally(() => (this.#probing = false))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#seat?.close()
    this.#seat = null
  }

  /** It failed by what it answered, or did not answer. */
  fail(error: string): void {
    this.#hasFailed = true
    this.#failedAtMs = this.parts.clock.nowMs()
    if (this.#seat !== null) this.needs.failed(error)
  }

  /** It serves no longer, though nothing is wrong with it. */
  giveUp(): void {
    this.fail(GIVEN_UP)
  }

  async #openFirst(term: number): Promise<void> {
    const opened = await this.#tried(() => this.#openSeat(false))
    if (typeof opened === 'string') {
      this.needs.failed(opened)
      return
    }
    await this.#come(opened)
    await this.#seat?.saveTerm(term)
  }

  /** Resolves with the system's code when it fails. */
  async #tried(open: () => Promise<Seat>): Promise<Seat | string> {
    try {
      return await open()
    } catch (error) {
      this.#failedAtMs = this.parts.clock.nowMs()
      return errorCode(error)
    }
  }

  async #come(seat: Seat): Promise<void> {
    if (this.#closed) {
      await seat.close()
      return
    }
    this.#seat = seat
    this.#told = ''
    this.#failedAtMs = null
    this.needs.up(seat, `${this.parts.incarnation}-${++this.#opened}`)
  }

  #openSeat(create: boolean): Promise<Seat> {
    return Seat.open(this.volume, create, this.parts, {
      hasFailed: this.#hasFailed,
      onFailed: (error) => this.fail(error),
    })
  }

  /** Is the disk back? Only a replica that the claim does not list is written to, and only with what it holds. */
  async #probe(): Promise<void> {
    const opened = await this.#tried(async () => {
      // Whatever was asked of it must have ended: a late write must not land after a resync.
      const before = this.#seat
      this.#seat = null
      await before?.close()
      // A replaced disk has no replica: one is made, and resynced whole. While the claim lists ours, only the old one will do.
      const listed = this.needs.isListed()
      const seat = await this.#openSeat(!listed)
      try {
        await this.#touch(seat, !listed)
        return seat
      } catch (error) {
        await seat.close()
        throw error
      }
    })
    if (typeof opened === 'string') this.#stillFails(opened)
    else await this.#come(opened)
  }

  /** It is looked at every two seconds: the operator is told what is new. */
  #stillFails(error: string): void {
    const level = error === this.#told ? 'debug' : 'warn'
    this.#told = error
    this.parts.log[level]('the local replica cannot be opened', { volume: this.volume.key, error })
  }

  async #touch({ device }: Seat, mayWrite: boolean): Promise<void> {
    const block = Buffer.alloc(Math.min(PROBE_BYTES, this.volume.sizeBytes))
    await device.read(0, block)
    if (mayWrite) await device.write(0, block)
    try {
      await device.flush()
    } catch (error) {
      this.needs.unkept(errorCode(error))
      throw error
    }
  }
}

import type { DiskExport, DiskHandler } from '../../../ports/disk-export'
import type { Timer } from '../../../ports/timers'
import type { SplitExport } from '../../../wire/split'
import type { WorkerVolume } from '../../../wire/worker-api'
import type { WorkerParts } from '../parts'
import type { Seat } from '../seat'

const LOOK_EVERY_MS = 1000
const EIO = 5
const EPERM = 1

/** One replica of this host, read-only, for an operator who copies it away. It ends with the opening of the replica that it shows. */
export class SplitView {
  #timer: Timer
  #open = true

  private constructor(
    private readonly served: DiskExport & SplitExport,
    parts: WorkerParts,
    isThere: () => boolean,
  ) {
    this.#timer = parts.timers.every(LOOK_EVERY_MS, () => {
      if (!isThere()) void this.close()
    })
  }

  /** Rejects as the making of its socket does. */
  static async open(volume: WorkerVolume, seat: Seat, now: () => Seat | null, parts: WorkerParts): Promise<SplitView> {
    const { key, sizeBytes } = volume
    return new SplitView(await parts.serveView(key, sizeBytes, readsOf(seat)), parts, () => now() === seat)
  }

  get isOpen(): boolean {
    return this.#open
  }

  get address(): SplitExport | null {
    const { socket, exportName } = this.served
    return this.#open ? { socket, exportName } : null
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    this.#timer.stop()
    await this.served.close()
  }
}

const readsOf =
  (seat: Seat): DiskHandler =>
  ({ kind, offset, length }, reply) => {
    if (kind === 'flush') reply({ error: 0 })
    else if (kind !== 'read') reply({ error: EPERM })
    else
      seat.perform(0, { kind, offset, length }, (error, data) =>
        reply(error !== '' || data === undefined ? { error: EIO } : { error: 0, data }),
      )
  }

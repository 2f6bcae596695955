import type { ResyncProgress } from '../../../wire/daemon-api'

/** The rate is that of the last seconds, so that the ETA follows what the guest's load leaves. */
const WINDOW_MS = 5000

/** Progress of one resync, from the bytes left at each look. */
export class ResyncMeter {
  readonly #samples: { atMs: number; leftBytes: number }[] = []

  constructor(
    private readonly target: string,
    private readonly totalBytes: number,
  ) {}

  look(leftBytes: number, nowMs: number): ResyncProgress {
    this.#samples.push({ atMs: nowMs, leftBytes })
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#samples.shift()
    const first = this.#samples[0]
    const seconds = first === undefined ? 0 : (nowMs - first.atMs) / 1000
    const moved = first === undefined ? 0 : first.leftBytes - leftBytes
    const bytesPerSecond = seconds > 0 ? Math.max(0, Math.round(moved / seconds)) : 0
    return {
      target: this.target,
      doneBytes: Math.max(0, this.totalBytes - leftBytes),
      totalBytes: this.totalBytes,
      bytesPerSecond,
      etaSeconds: bytesPerSecond > 0 ? Math.ceil(leftBytes / bytesPerSecond) : null,
    }
  }
}

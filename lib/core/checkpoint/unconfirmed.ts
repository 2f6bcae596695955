import type { Evidence } from './events'

interface Sent {
  readonly epoch: number
  readonly bytes: number
  readonly sentAtMs: number
  /** Of the first output that waits for it. */
  readonly outputAtMs: number | null
}

/** How much the latest epoch counts in the means. */
const WEIGHT = 0.2

/** Epochs that the peer has not confirmed, what waits for them, and whether the peer keeps up with the guest. */
export class Unconfirmed {
  #sent: Sent[] = []
  #outputAtMs: number | null = null
  #changed: number | null = null
  #confirmed: number | null = null
  #lastCapturedAtMs: number | null = null
  #late = false

  get count(): number {
    return this.#sent.length
  }

  /** Output waits for the end of the epoch that is still open. */
  get outputWaits(): boolean {
    return this.#outputAtMs !== null
  }

  output(nowMs: number): void {
    this.#outputAtMs ??= nowMs
  }

  sent(epoch: number, bytes: number, nowMs: number): void {
    if (this.#lastCapturedAtMs !== null) this.#changed = mean(this.#changed, bytes, nowMs - this.#lastCapturedAtMs)
    this.#lastCapturedAtMs = nowMs
    this.#sent.push({ epoch, bytes, sentAtMs: nowMs, outputAtMs: this.#outputAtMs })
    this.#outputAtMs = null
  }

  /** False for one that was not sent, or is confirmed already. What is confirmed includes all before it. */
  confirmed(epoch: number, nowMs: number): boolean {
    const at = this.#sent.findIndex((sent) => sent.epoch === epoch)
    for (const { bytes, sentAtMs } of this.#sent.splice(0, at + 1))
      this.#confirmed = mean(this.#confirmed, bytes, nowMs - sentAtMs)
    return at !== -1
  }

  /** Output waits for longer than it should, since now; it does not any more. */
  look(nowMs: number, delayMaxMs: number): 'late' | 'in-time' | null {
    const late = this.#waitingMs(nowMs) > (this.#late ? delayMaxMs / 2 : delayMaxMs)
    if (late === this.#late) return null
    this.#late = late
    return late ? 'late' : 'in-time'
  }

  evidence(nowMs: number): Evidence {
    const [changedBytesPerSecond, confirmedBytesPerSecond] = [Math.round(this.#changed ?? 0), Math.round(this.#confirmed ?? 0)]
    return { waitingMs: this.#waitingMs(nowMs), changedBytesPerSecond, confirmedBytesPerSecond }
  }

  #waitingMs(nowMs: number): number {
    const firstAtMs = this.#sent.find(({ outputAtMs }) => outputAtMs !== null)?.outputAtMs ?? this.#outputAtMs
    return firstAtMs === null ? 0 : nowMs - firstAtMs
  }
}

function mean(before: number | null, bytes: number, tookMs: number): number {
  const bytesPerSecond = (1000 * bytes) / Math.max(1, tookMs)
  return before === null ? bytesPerSecond : before + WEIGHT * (bytesPerSecond - before)
}

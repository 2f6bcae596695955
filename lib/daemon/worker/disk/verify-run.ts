import { BLOCK_BYTES } from '../../../core/domain/blocks'
import type { BlockRun } from '../../../core/domain/dirty-bitmap'
import type { VerifyReport } from '../../../wire/daemon-api'
import { ResyncMeter } from './resync-meter'

/** More are counted, not listed: an operator needs to see where, not every block of a disk that was swapped. */
const RANGES_MAX = 100

/** One comparison of both replicas of a disk, while it runs and after it. */
export class VerifyRun {
  readonly #meter: ResyncMeter
  readonly #ranges: { offset: number; length: number }[] = []
  #differingBytes = 0
  #ended: string | null = null

  constructor(
    private readonly sizeBytes: number,
    readonly repair: boolean,
    private readonly beganMs: number,
  ) {
    this.#meter = new ResyncMeter('', sizeBytes)
  }

  found(runs: readonly BlockRun[]): void {
    for (const { first, last } of runs) {
      const offset = first * BLOCK_BYTES
      const length = Math.min((last + 1) * BLOCK_BYTES, this.sizeBytes) - offset
      this.#differingBytes += length
      const before = this.#ranges.at(-1)
      if (before !== undefined && before.offset + before.length === offset) before.length += length
      else if (this.#ranges.length < RANGES_MAX) this.#ranges.push({ offset, length })
    }
  }

  get isRunning(): boolean {
    return this.#ended === null
  }

  /** `why`: '' when all was compared. */
  end(why: string): void {
    this.#ended = why
  }

  /** Of one that has ended: how the timeline tells it. */
  get outcome(): { readonly rule: string; readonly error: string } {
    const found = this.#differingBytes === 0 ? 'equal' : this.repair ? 'repaired' : 'differing'
    const error = this.#differingBytes === 0 ? '' : String(this.#differingBytes)
    return { rule: this.#ended === null || this.#ended === '' ? found : this.#ended, error }
  }

  report(doneBlocks: number, nowMs: number): VerifyReport {
    const doneBytes = this.#ended === '' ? this.sizeBytes : Math.min(this.sizeBytes, doneBlocks * BLOCK_BYTES)
    const { bytesPerSecond, etaSeconds } = this.#meter.look(this.sizeBytes - doneBytes, nowMs)
    return {
      state: this.#ended === null ? 'running' : this.#ended === '' ? 'done' : 'stopped',
      why: stoppedText(this.#ended ?? ''),
      ...{ doneBytes, totalBytes: this.sizeBytes, bytesPerSecond, etaSeconds: this.#ended === null ? etaSeconds : null },
      differingBytes: this.#differingBytes,
      ranges: this.#ranges,
      repaired: this.repair && this.#differingBytes > 0,
      seconds: Math.round((nowMs - this.beganMs) / 1000),
    }
  }
}

function stoppedText(rule: string): string {
  switch (rule) {
    case '':
      return ''
    case 'replica-lost':
      return 'one of them was lost while they were compared'
    default:
      return 'one of them could not be read'
  }
}

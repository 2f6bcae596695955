import { BLOCK_BYTES } from '../../../core/domain/blocks'
import { type DifferingRun, SplitComparison, type Split } from '../../../core/mirror/split'
import type { SplitComparisonReport, SplitRange } from '../../../wire/split'
import { ResyncMeter } from '../disk/resync-meter'

/** More are counted, not listed. */
const RANGES_MAX = 100

/** Digests of whole blocks; rejects with the system's code. */
export type Digests = (offset: number, length: number) => Promise<Buffer>

/** One comparison of two histories that met, while the guest goes on with one of them. */
export class SplitRun {
  readonly #comparison: SplitComparison
  readonly #meter: ResyncMeter
  readonly #ranges: { offset: number; length: number; by: SplitRange['by'] }[] = []
  #differingBytes = 0
  #ended: string | null = null

  constructor(
    private readonly sizeBytes: number,
    readonly split: Split,
    private readonly digests: { readonly serving: Digests; readonly refused: Digests },
  ) {
    this.#comparison = new SplitComparison(sizeBytes, split.changed)
    this.#meter = new ResyncMeter('', this.#comparison.totalBytes)
    void this.#run()
  }

  get isRunning(): boolean {
    return this.#ended === null
  }

  stop(why: string): void {
    this.#ended ??= why
  }

  async #run(): Promise<void> {
    for (let next = this.#comparison.next(); next !== null && this.isRunning; next = this.#comparison.next()) {
      const { run, offset, length } = next
      const found = await this.#look(offset, length)
      if (found === null) return
      for (const differing of this.#comparison.compared(run, found.serving, found.refused)) this.#found(differing)
    }
    this.stop('')
  }

  async #look(offset: number, length: number): Promise<{ serving: Buffer; refused: Buffer } | null> {
    try {
      const [serving, refused] = await Promise.all([this.digests.serving(offset, length), this.digests.refused(offset, length)])
      return { serving, refused }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
      this.stop(`one of them could not be read (${String(error.code)})`)
      return null
    }
  }

  #found({ first, last, by }: DifferingRun): void {
    const offset = first * BLOCK_BYTES
    const length = Math.min((last + 1) * BLOCK_BYTES, this.sizeBytes) - offset
    this.#differingBytes += length
    const before = this.#ranges.at(-1)
    if (before !== undefined && before.by === by && before.offset + before.length === offset) before.length += length
    else if (this.#ranges.length < RANGES_MAX) this.#ranges.push({ offset, length, by })
  }

  report(nowMs: number): SplitComparisonReport {
    const { totalBytes } = this.#comparison
    const doneBytes = this.#ended === '' ? totalBytes : this.#comparison.doneBytes
    const { bytesPerSecond, etaSeconds } = this.#meter.look(totalBytes - doneBytes, nowMs)
    return {
      state: this.#ended === null ? 'running' : this.#ended === '' ? 'done' : 'stopped',
      why: this.#ended ?? '',
      ...{ doneBytes, totalBytes, bytesPerSecond, etaSeconds: this.#ended === null ? etaSeconds : null },
      differingBytes: this.#differingBytes,
      ranges: this.#ranges,
    }
  }
}

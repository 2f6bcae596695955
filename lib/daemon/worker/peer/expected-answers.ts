import { BLOCK_BYTES } from '../../../core/domain/blocks'
import { DIGEST_BYTES, type ReplicaRequest } from '../../../core/domain/replica-request'

/** How many bytes the peer's answers must bring: one that differs is the peer's fault, and ends the link to it instead of this process. */
export class ExpectedAnswers {
  readonly #bytes = new Map<number, Map<number, number>>()

  asked(volume: number, seq: number, { kind, length }: ReplicaRequest): void {
    if (kind !== 'read' && kind !== 'hash') return
    const bytes = kind === 'read' ? length : Math.ceil(length / BLOCK_BYTES) * DIGEST_BYTES
    const ofVolume = this.#bytes.get(volume)
    if (ofVolume === undefined) this.#bytes.set(volume, new Map([[seq, bytes]]))
    else ofVolume.set(seq, bytes)
  }

  /** Once for each answer; `bytes` is null when it brings no data. */
  fits(volume: number, seq: number, error: string, bytes: number | null): boolean {
    const ofVolume = this.#bytes.get(volume)
    const expected = ofVolume?.get(seq)
    ofVolume?.delete(seq)
    return error !== '' || (expected ?? null) === bytes
  }

  /** The link is over: nothing is answered any more. */
  clear(): void {
    this.#bytes.clear()
  }
}

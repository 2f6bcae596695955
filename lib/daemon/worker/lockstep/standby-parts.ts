import type { ChangedPart } from '../../../ports/changed-memory'
import type { EpochPart } from '../../../wire/peer-epochs'

interface OfEpoch {
  memory: ChangedPart[]
  device: Buffer[]
}

/** Parts of epochs that are not in the standby's memory yet. */
export class StandbyParts {
  readonly #epochs = new Map<number, OfEpoch>()

  keep(part: EpochPart): void {
    const { memory, device } = this.#of(part.epoch)
    if (part.kind === 'device') device.push(part.data)
    else memory.push({ runs: part.runs, bytes: part.data })
  }

  /** What came of the devices before this pause is of one that served for nothing. */
  cut(epoch: number): void {
    this.#of(epoch).device = []
  }

  memory(epoch: number): readonly ChangedPart[] {
    return this.#epochs.get(epoch)?.memory ?? []
  }

  /** It is in the standby's memory. Answers the state of the devices that belongs to it. */
  applied(epoch: number): Buffer {
    const state = Buffer.concat(this.#epochs.get(epoch)?.device ?? [])
    this.#epochs.delete(epoch)
    return state
  }

  #of(epoch: number): OfEpoch {
    const known = this.#epochs.get(epoch)
    if (known !== undefined) return known
    const fresh: OfEpoch = { memory: [], device: [] }
    this.#epochs.set(epoch, fresh)
    return fresh
  }
}

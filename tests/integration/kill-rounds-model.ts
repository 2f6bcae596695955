/** What a part of the disk may hold, by the writes that were asked for and answered: nothing else, and nothing older. */

export const SECTOR = 512

interface Written {
  /** Every byte of it; 0 for what was never written, or written as zeroes. */
  readonly pattern: number
  readonly askedAt: number
  /** When nobody could be waiting for it any more; infinite while it is under way. */
  overAt: number
}

export type Asked = Written & { readonly offset: number; readonly length: number }

export class WrittenModel {
  /** For each sector: the writes of which one is the last. */
  private readonly sectors: Written[][]
  private readonly underWay = new Set<Asked>()
  /** The number of what was asked or heard last. */
  now = 0

  constructor(
    readonly offset: number,
    readonly length: number,
  ) {
    const zeroes = { pattern: 0, askedAt: 0, overAt: 0 }
    this.sectors = Array.from({ length: length / SECTOR }, () => [zeroes])
  }

  ask(offset: number, length: number, pattern: number): Asked {
    const asked = { offset, length, pattern, askedAt: ++this.now, overAt: Number.POSITIVE_INFINITY }
    for (const candidates of this.covered(offset, length)) candidates.push(asked)
    this.underWay.add(asked)
    return asked
  }

  /** From now on, whatever was over before it was asked for is older. */
  acknowledged(asked: Asked): void {
    asked.overAt = ++this.now
    this.underWay.delete(asked)
    for (const candidates of this.covered(asked.offset, asked.length)) {
      const left = candidates.filter(({ overAt }) => overAt > asked.askedAt)
      candidates.splice(0, candidates.length, ...left)
    }
  }

  /** The client is gone: what it waited for happened, or it did not. */
  clientGone(): void {
    for (const asked of this.underWay) asked.overAt = ++this.now
    this.underWay.clear()
  }

  /** What a read of these sectors must answer while nothing is under way there; null when more than one thing is right. */
  certain(offset: number, length: number): number | null {
    const patterns = new Set(this.covered(offset, length).flatMap((candidates) => candidates.map(({ pattern }) => pattern)))
    const [only] = patterns
    return patterns.size === 1 ? (only ?? null) : null
  }

  /** Offsets of the sectors of a whole disk's image that hold something else. */
  wrong(image: Buffer): number[] {
    return this.sectors.flatMap((candidates, index) => {
      const at = this.offset + index * SECTOR
      const bytes = image.subarray(at, at + SECTOR)
      const right = candidates.some(({ pattern }) => bytes.every((byte) => byte === pattern))
      return right ? [] : [at]
    })
  }

  private covered(offset: number, length: number): Written[][] {
    const first = (offset - this.offset) / SECTOR
    return this.sectors.slice(first, first + length / SECTOR)
  }
}

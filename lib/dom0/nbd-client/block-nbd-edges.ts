import type { BlockDevice } from '../../ports/block-device'

/**
 * Any offset and length on a disk that takes whole blocks only. A block that changes in part is read, changed and written while
 * no other change is under way; changes of whole blocks do not wait for each other.
 */
export class AnyOffset implements BlockDevice {
  private readonly gate = new Gate()

  constructor(
    private readonly disk: BlockDevice,
    /** A power of two. */
    private readonly blockBytes: number,
  ) {}

  get sizeBytes(): number {
    return this.disk.sizeBytes
  }

  async read(offset: number, into: Buffer): Promise<void> {
    if (this.isWhole(offset, into.length)) return this.disk.read(offset, into)
    const start = offset - (offset % this.blockBytes)
    const blocks = Buffer.allocUnsafe(this.upwards(offset + into.length) - start)
    await this.disk.read(start, blocks)
    blocks.copy(into, 0, offset - start)
  }

  write(offset: number, data: Buffer): Promise<void> {
    return this.change(offset, data.length, {
      whole: (at, from, length) => this.disk.write(at, data.subarray(from, from + length)),
      part: (block, at, from, length) => data.copy(block, at, from, from + length),
    })
  }

  zero(offset: number, length: number, punch: boolean): Promise<void> {
    return this.change(offset, length, {
      whole: (at, _, bytes) => this.disk.zero(at, bytes, punch),
      part: (block, at, _, bytes) => block.fill(0, at, at + bytes),
    })
  }

  flush(): Promise<void> {
    return this.disk.flush()
  }

  close(): Promise<void> {
    return this.disk.close()
  }

  private change(offset: number, length: number, change: Change): Promise<void> {
    if (this.isWhole(offset, length)) return this.gate.together(() => change.whole(offset, 0, length))
    return this.gate.alone(() => this.changeParts(offset, length, change))
  }

  /** The block at the beginning, the whole blocks, the block at the end; each may be missing. */
  private async changeParts(offset: number, length: number, change: Change): Promise<void> {
    const end = offset + length
    const from = Math.min(this.upwards(offset), end)
    const to = Math.max(end - (end % this.blockBytes), from)
    await this.changePart(offset, from, 0, change)
    if (to > from) await change.whole(from, from - offset, to - from)
    await this.changePart(to, end, to - offset, change)
  }

  private async changePart(start: number, end: number, from: number, change: Change): Promise<void> {
    if (start === end) return
    const block = Buffer.allocUnsafe(this.blockBytes)
    const at = start - (start % this.blockBytes)
    await this.disk.read(at, block)
    change.part(block, start - at, from, end - start)
    await this.disk.write(at, block)
  }

  private isWhole(offset: number, length: number): boolean {
    return offset % this.blockBytes === 0 && length % this.blockBytes === 0
  }

  private upwards(offset: number): number {
    return Math.ceil(offset / this.blockBytes) * this.blockBytes
  }
}

/** How to change `length` bytes of which the first is `from` bytes behind the first of all that change. */
interface Change {
  whole(at: number, from: number, length: number): Promise<void>
  part(block: Buffer, at: number, from: number, length: number): void
}

/** Many together or one alone, in the order of asking. */
class Gate {
  private inside = 0
  private isAlone = false
  private readonly waiting: { readonly alone: boolean; readonly enter: () => void }[] = []

  together(work: () => Promise<void>): Promise<void> {
    return this.pass(false, work)
  }

  alone(work: () => Promise<void>): Promise<void> {
    return this.pass(true, work)
  }

  private async pass(alone: boolean, work: () => Promise<void>): Promise<void> {
    if (this.waiting.length === 0 && this.mayEnter(alone)) this.enter(alone)
    else await new Promise<void>((enter) => this.waiting.push({ alone, enter }))
    try {
      await work()
    } finally {
      this.leave()
    }
  }

  private mayEnter(alone: boolean): boolean {
    return alone ? this.inside === 0 : !this.isAlone
  }

  private enter(alone: boolean): void {
    this.inside++
    this.isAlone = alone
  }

  private leave(): void {
    this.inside--
    this.isAlone = false
    for (let next = this.waiting[0]; next !== undefined && this.mayEnter(next.alone); next = this.waiting[0]) {
      this.waiting.shift()
      this.enter(next.alone)
      next.enter()
    }
  }
}

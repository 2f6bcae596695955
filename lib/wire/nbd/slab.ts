import { assert } from '../../core/domain/assert'

/** Memory that may be given again once it has come back: pages that were touched before cost nothing. */
export interface Memory {
  /** At least `bytes` long, of any content. */
  lend(bytes: number): Buffer
  takeBack(buffer: Buffer): void
}

/** Of Node, and left to its garbage collector. */
export const FRESH: Memory = { lend: (bytes) => Buffer.allocUnsafeSlow(bytes), takeBack: () => undefined }

/**
 * A stretch of memory into which a client's bytes are read, and from which payloads are lent out in place. It goes back when
 * nothing more is read into it and each payload has come back as free. A payload that came back while something may still read
 * it spoils the whole: that memory is never written again.
 */
export class Slab {
  readonly bytes: Buffer
  private readonly whole: Buffer
  private lent = 0
  private spoiled = false
  private retired = false

  constructor(
    private readonly memory: Memory,
    bytes: number,
  ) {
    this.whole = memory.lend(bytes)
    this.bytes = this.whole.subarray(0, bytes)
  }

  /** Whoever asked before has no further interest in the bytes. */
  get isIdle(): boolean {
    return this.lent === 0 && !this.spoiled
  }

  lend(start: number, end: number): Buffer {
    this.lent++
    return this.bytes.subarray(start, end)
  }

  giveBack(isFree: boolean): void {
    assert(this.lent > 0, 'a payload comes back once')
    this.lent--
    if (!isFree) this.spoiled = true
    this.settle()
  }

  /** Nothing more is read into it. */
  retire(): void {
    assert(!this.retired, 'a slab is retired once')
    this.retired = true
    this.settle()
  }

  private settle(): void {
    if (this.retired && this.isIdle) this.memory.takeBack(this.whole)
  }
}

import { assert, must } from '../core/domain/assert'

/**
 * Bytes that arrived and were not yet understood. What lies in one chunk is handed out without a copy; what was split is
 * joined once.
 */
export class ByteQueue {
  private readonly chunks: Buffer[] = []
  /** Bytes of the first chunk that were taken already. */
  private start = 0
  private held = 0

  get length(): number {
    return this.held
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.chunks.push(chunk)
    this.held += chunk.length
  }

  /** The next `count` bytes, or null while they are not all here. The buffer shares memory with what was pushed. */
  take(count: number): Buffer | null {
    if (count > this.held) return null
    if (count === 0) return Buffer.alloc(0)
    const first = must(this.chunks[0], 'a queue that holds bytes has a chunk')
    if (this.start + count > first.length) return this.join(count)
    const piece = first.subarray(this.start, this.start + count)
    this.advance(count)
    return piece
  }

  /** Drops up to `count` bytes and says how many there were. */
  skip(count: number): number {
    const wanted = Math.min(count, this.held)
    let left = wanted
    while (left > 0) {
      const step = Math.min(left, must(this.chunks[0], 'a queue that holds bytes has a chunk').length - this.start)
      this.advance(step)
      left -= step
    }
    return wanted
  }

  private join(count: number): Buffer {
    const whole = Buffer.allocUnsafe(count)
    let done = 0
    while (done < count) {
      const first = must(this.chunks[0], 'a queue that holds bytes has a chunk')
      const step = Math.min(count - done, first.length - this.start)
      first.copy(whole, done, this.start, this.start + step)
      this.advance(step)
      done += step
    }
    return whole
  }

  private advance(count: number): void {
    this.start += count
    this.held -= count
    const first = must(this.chunks[0], 'a queue that holds bytes has a chunk')
    assert(this.start <= first.length, 'one advance stays within one chunk')
    if (this.start < first.length) return
    this.chunks.shift()
    this.start = 0
  }
}

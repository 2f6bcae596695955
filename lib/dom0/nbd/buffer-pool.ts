import { must } from '../../core/domain/assert'
import type { Memory } from '../../wire/nbd/slab'
import { returnMemory } from '../witness/return-memory'

/** Smaller ones are not worth their keeping. */
const SMALLEST_BITS = 12
/** Larger ones are made anew each time: a client that sends so much at once waits for its disk anyway. */
const LARGEST_BITS = 22
/** Less is not worth a pause. */
const RETURNED_BYTES_MIN = 1024 * 1024
const SIZES = Array.from({ length: LARGEST_BITS - SMALLEST_BITS + 1 }, (_, at) => 65 * 2 ** (SMALLEST_BITS - 6 + at))
const LARGEST_BYTES = must(SIZES.at(-1), 'there are sizes')

/**
 * Buffers that are used again and again, because the first touch of a page costs more than the bytes on it. Sizes go by powers of
 * two, a sixty-fourth larger: a row of equal requests is a little longer than its payloads.
 */
export class BufferPool implements Memory {
  private readonly idle = new Map<number, Buffer[]>()
  private heldBytes = 0
  /** The least that was held since the last time that it was trimmed: so much nobody needed. */
  private spareBytes = 0

  constructor(private readonly idleBytesMax: number) {}

  /** Held for later use. */
  get idleBytes(): number {
    return this.heldBytes
  }

  lend(bytes: number): Buffer {
    const size = sizeFor(bytes)
    const kept = this.idle.get(size)?.pop()
    if (kept === undefined) return Buffer.allocUnsafeSlow(size)
    this.heldBytes -= size
    this.spareBytes = Math.min(this.spareBytes, this.heldBytes)
    return kept
  }

  takeBack(buffer: Buffer): void {
    const size = buffer.length
    if (size > LARGEST_BYTES || this.heldBytes + size > this.idleBytesMax) return
    const kept = this.idle.get(size)
    if (kept === undefined) this.idle.set(size, [buffer])
    else kept.push(buffer)
    this.heldBytes += size
  }

  /** Lets go of what nobody needed since the last time. */
  trim(): void {
    let freedBytes = 0
    for (const [size, kept] of this.idle) {
      while (kept.length > 0 && freedBytes + size <= this.spareBytes) {
        kept.pop()
        freedBytes += size
      }
    }
    this.heldBytes -= freedBytes
    this.spareBytes = this.heldBytes
    if (freedBytes >= RETURNED_BYTES_MIN) returnMemory()
  }
}

function sizeFor(bytes: number): number {
  for (const size of SIZES) if (bytes <= size) return size
  return bytes
}

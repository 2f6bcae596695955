import { assert } from '../../core/domain/assert'
import { FRESH, Slab, type Memory } from './slab'

/** What a negotiation needs of the bytes that arrived. */
export interface Intake {
  /** Bytes that are here and not taken. */
  readonly length: number
  /** The next `count` bytes, or null while they are not all here. To be read at once: they may be overwritten later. */
  take(count: number): Buffer | null
  /** Drops up to `count` bytes and says how many there were. */
  skip(count: number): number
}

/** Before a client has shown what it sends: enough for the largest option. */
const FIRST_SLAB_BYTES = 16 * 1024
/** Several requests are read at once up to this; a larger one is read alone. */
const SLAB_BYTES = 256 * 1024

/**
 * Bytes of one client, always in one piece: what is understood next is read to where it can stay. A payload is copied only if it
 * began in a slab that cannot hold it, and then only the part that was here already.
 */
export class Inbox implements Intake {
  private slab: Slab
  private start = 0
  private end = 0
  /** Bytes from `start` on that have to lie in one piece. */
  private wanted = 0
  /** Size of the latest request with its payload. Slabs are cut so that a row of such requests ends where the slab does. */
  private requestBytes = 0
  private view: Buffer | null = null
  private viewStart = 0

  constructor(private readonly memory: Memory = FRESH) {
    this.slab = new Slab(memory, FIRST_SLAB_BYTES)
  }

  get length(): number {
    return this.end - this.start
  }

  /** The slab and the place in it of the next byte, to look at numbers without a view of them. */
  get bytes(): Buffer {
    return this.slab.bytes
  }

  get at(): number {
    return this.start
  }

  /** Where the next bytes belong, never empty. It stays that place until this is called again. */
  space(): Buffer {
    this.makeRoom(this.wanted - this.length)
    if (this.view === null || this.viewStart !== this.end) {
      this.view = this.slab.bytes.subarray(this.end)
      this.viewStart = this.end
    }
    return this.view
  }

  /** So many bytes were put into the space. */
  filled(count: number): void {
    assert(count <= this.slab.bytes.length - this.end, 'bytes are put where there is space')
    this.end += count
  }

  /** For bytes that come in memory of their own. */
  feed(chunk: Buffer): void {
    this.makeRoom(Math.max(this.wanted - this.length, chunk.length))
    chunk.copy(this.slab.bytes, this.end)
    this.end += chunk.length
  }

  /** False while they are not all here; then they will be in one piece. */
  has(count: number): boolean {
    const all = count <= this.length
    this.wanted = all ? 0 : count
    return all
  }

  take(count: number): Buffer | null {
    if (!this.has(count)) return null
    this.start += count
    return this.slab.bytes.subarray(this.start - count, this.start)
  }

  /** A payload, all of which is here. It keeps its place until it is given back to `slab`. */
  lend(count: number, requestBytes: number): { readonly data: Buffer; readonly slab: Slab } {
    assert(count <= this.length, 'a payload is lent when it is here')
    this.requestBytes = requestBytes
    this.start += count
    return { data: this.slab.lend(this.start - count, this.start), slab: this.slab }
  }

  skip(count: number): number {
    const skipped = Math.min(count, this.length)
    this.start += skipped
    return skipped
  }

  /** Nothing more is understood. Should bytes still come, they go where they harm nobody. */
  close(): void {
    this.slab.retire()
    this.slab = new Slab(FRESH, FIRST_SLAB_BYTES)
    this.start = this.end = 0
    this.view = null
  }

  private makeRoom(missing: number): void {
    if (this.start === this.end && this.slab.isIdle) this.start = this.end = 0
    const least = Math.max(1, missing)
    if (this.slab.bytes.length - this.end >= least) return
    const old = this.slab
    const held = this.length
    this.slab = new Slab(this.memory, Math.max(held + least, this.usualBytes()))
    old.bytes.copy(this.slab.bytes, 0, this.start, this.end)
    this.start = 0
    this.end = held
    this.view = null
    old.retire()
  }

  private usualBytes(): number {
    if (this.requestBytes === 0) return FIRST_SLAB_BYTES
    return this.requestBytes * Math.max(1, Math.floor(SLAB_BYTES / this.requestBytes))
  }
}
